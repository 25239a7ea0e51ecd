//! Circles among things that lead to each other.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// The first circle that is reached from a node, walked without recursion: its nodes in order, the first one once more at
/// the end. `done` are nodes that are known to lead into none; those that were walked are put to them.
pub(super) fn circle_from<N: Copy + Eq + Hash>(
    start: N,
    next: &HashMap<N, Vec<N>>,
    done: &mut HashSet<N>,
) -> Option<Vec<N>> {
    if done.contains(&start) {
        return None;
    }
    let mut path: Vec<(N, usize)> = vec![(start, 0)];
    let mut on_path: HashSet<N> = HashSet::from([start]);
    while let Some((node, at)) = path.last_mut() {
        let following = next.get(node).and_then(|all| all.get(*at)).copied();
        *at += 1;
        match following {
            Some(following) if on_path.contains(&following) => {
                let first = path.iter().position(|(node, _)| *node == following).unwrap_or(0);
                let circle = path[first..].iter().map(|(node, _)| *node).chain([following]);
                return Some(circle.collect());
            }
            Some(following) if !done.contains(&following) => {
                on_path.insert(following);
                path.push((following, 0));
            }
            Some(_) => {}
            None => {
                let node = *node;
                done.insert(node);
                on_path.remove(&node);
                path.pop();
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_circle_is_found_and_no_other_thing() {
        let next =
            HashMap::from([(1, vec![2, 3]), (2, vec![3]), (3, vec![]), (4, vec![1, 5]), (5, vec![6]), (6, vec![5])]);
        let mut done = HashSet::new();
        assert_eq!(circle_from(1, &next, &mut done), None);
        assert_eq!(circle_from(4, &next, &mut done), Some(vec![5, 6, 5]));
        assert_eq!(circle_from(7, &HashMap::from([(7, vec![7])]), &mut done), Some(vec![7, 7]));
        let long: HashMap<u32, Vec<u32>> = (0..100_000).map(|n| (n, vec![n + 1])).collect();
        assert_eq!(circle_from(0, &long, &mut HashSet::new()), None);
    }
}
