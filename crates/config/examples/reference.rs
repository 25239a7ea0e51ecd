//! Writes the functions of the configuration language into the manual: `cargo run -p config --example reference`.

use std::path::Path;

/// What stands before it on the page is written by hand.
const MARK: &str = "<!-- From here on the page is written by `cargo run -p config --example reference`. -->\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/reference.md");
    let text = std::fs::read_to_string(&page)?;
    let (head, _) = text.split_once(MARK).ok_or("docs/src/reference.md has lost its mark")?;
    std::fs::write(&page, format!("{head}{MARK}\n{}", config::reference()))?;
    Ok(())
}
