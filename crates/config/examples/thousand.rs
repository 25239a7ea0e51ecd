//! How long a thousand builders take: prints one line. Run it with `--release`.

use std::time::Instant;

struct One;

impl config::Loader for One {
    fn read(&self, _name: &str) -> Result<String, String> {
        Ok(include_str!("thousand.star").to_owned())
    }
    fn secret_file(&self, _name: &str) -> Result<Option<String>, String> {
        Ok(None)
    }
    fn env(&self, _name: &str) -> Option<String> {
        None
    }
}

fn main() {
    for _ in 0..3 {
        let start = Instant::now();
        match config::load("thousand.star", &One, &config::Limits::default()) {
            Ok(config) => {
                println!("{} builders in {:.1} ms", config.builders.len(), start.elapsed().as_secs_f64() * 1e3)
            }
            Err(error) => println!("{error}"),
        }
    }
    let start = Instant::now();
    let json = config::load_to_json("thousand.star", &One, &config::Limits::default());
    let loaded = start.elapsed();
    let back = config::from_json("thousand.star", &json);
    println!(
        "through a pipe: {} kB of JSON, {:.1} ms to write (with the load), {:.1} ms to read, {}",
        json.len() >> 10,
        loaded.as_secs_f64() * 1e3,
        (start.elapsed() - loaded).as_secs_f64() * 1e3,
        if back.is_ok() { "the same" } else { "broken" }
    );
}
