//! Rules from an item path to that of the prerequisite.

use crate::pattern::compile;
use model::area::MapRule;

/// Rules in one map.
const MOST: usize = 100;

/// Reads one rule per line: a regular expression without blanks, and what stands in its place, with `\1` for a group;
/// nothing deletes. Errors: what is wrong, a sentence.
pub(crate) fn rules(text: &str) -> Result<Vec<MapRule>, String> {
    let mut rules = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (pattern, by) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let regex = compile(pattern, false).map_err(|why| format!("the regular expression '{pattern}' {why}"))?;
        let by = by.trim();
        if let Some(group) = groups(by).find(|group| *group >= regex.captures_len()) {
            return Err(format!("the regular expression '{pattern}' has no group {group}"));
        }
        if rules.len() == MOST {
            return Err(format!("an item map has at most {MOST} rules"));
        }
        rules.push(MapRule::new(pattern, by));
    }
    Ok(rules)
}

/// The groups that a replacement names; `\\` is a backslash.
fn groups(text: &str) -> impl Iterator<Item = usize> {
    let mut chars = text.chars();
    std::iter::from_fn(move || {
        loop {
            if chars.next()? == '\\'
                && let Some(digit) = chars.next().and_then(|c| c.to_digit(10))
            {
                return Some(digit as usize);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read() {
        let one = |pattern: &str, by: &str| MapRule::new(pattern, by);
        assert_eq!(rules(".*/"), Ok(vec![one(".*/", "")]));
        assert_eq!(rules(r"foo(\d+)/  num-\1/bar/ "), Ok(vec![one(r"foo(\d+)/", r"num-\1/bar/")]));
        assert_eq!(rules("(a)(b) \\2\\1\n\n b x"), Ok(vec![one("(a)(b)", "\\2\\1"), one("b", "x")]));
        assert_eq!(rules(r"a \\2"), Ok(vec![one("a", r"\\2")]), "a backslash and a 2");
        assert!(rules("( x").is_err());
        assert_eq!(rules(r"(a) \2"), Err("the regular expression '(a)' has no group 2".to_owned()));
    }
}
