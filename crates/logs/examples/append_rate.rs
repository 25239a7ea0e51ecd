//! How fast logs are taken: one of 100 MB in pieces of 64 KiB, and 10,000 tiny ones, one per build.
//!
//! `cargo run --release -p logs --example append_rate [DIR]`

use bytes::Bytes;
use logs::Logs;
use model::{BuildId, LogId, Stream};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const BIG: usize = 100 << 20;
const PIECE: usize = 64 << 10;
const TINY_BUILDS: i64 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("append_rate"), PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    runtime.block_on(big(&dir.join("big")))?;
    runtime.block_on(tiny(&dir.join("tiny")))?;
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// Lines as a compiler writes them, with a warning now and then.
fn compiler_output(length: usize) -> Bytes {
    let mut text = Vec::with_capacity(length + 256);
    let mut n = 1u32;
    while text.len() < length {
        n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (unit, number) = (n >> 20, n >> 8 & 0xff);
        let line = if unit % 11 == 0 {
            format!(
                "src/unit_{unit}.c:{number}:9: \x1b[35mwarning:\x1b[0m unused variable 'v{}' [-Wunused]\n",
                n & 0xffff
            )
        } else {
            format!("cc -O2 -Wall -Iinclude -DVERSION={number} -c src/unit_{unit}.c -o obj/{:08x}.o\n", n)
        };
        text.extend_from_slice(line.as_bytes());
    }
    text.truncate(length);
    text.into()
}

async fn big(dir: &Path) -> Result<(), Box<dyn Error>> {
    let text = compiler_output(BIG);
    let logs = Logs::open(dir.to_path_buf())?;
    let (build, log) = (BuildId(1), LogId(1));
    let (start, cpu) = (Instant::now(), cpu_time());
    logs.begin(build, log).await?;
    for at in (0..BIG).step_by(PIECE) {
        let piece = text.slice(at..(at + PIECE).min(BIG));
        logs.append(build, log, at as u64, Stream::Stdout, piece).await?;
    }
    let sealed = logs.seal(build, log).await?;
    logs.finish(build).await?;
    let taken = start.elapsed();
    logs.flush().await?;
    let (durable, cpu) = (start.elapsed(), cpu_time() - cpu);
    let rate = |time: Duration| BIG as f64 / 1e6 / time.as_secs_f64();
    println!("big: {} lines, taken at {:.0} MB/s, durable at {:.0} MB/s", sealed.lines, rate(taken), rate(durable));
    println!("     {:.0} MB/s per core of CPU time", rate(cpu));

    let start = Instant::now();
    let mut asked = 0;
    for first in (0..sealed.lines).step_by(9973) {
        asked += logs.lines(build, log, first, 200, 1 << 20).await?.len();
    }
    let asks = sealed.lines.div_ceil(9973) as u32;
    println!("     {asked} lines read in pages of 200, {:.2} ms a page", (start.elapsed() / asks).as_secs_f64() * 1e3);
    let start = Instant::now();
    let found = logs.find(build, log, b"not in there".to_vec(), 0, 10).await?;
    println!("     64 MiB searched in {:.0} ms (next {:?})", start.elapsed().as_secs_f64() * 1e3, found.next);
    Ok(())
}

async fn tiny(dir: &Path) -> Result<(), Box<dyn Error>> {
    let logs = Logs::open(dir.to_path_buf())?;
    let text = compiler_output(200);
    let (start, cpu) = (Instant::now(), cpu_time());
    for number in 1..=TINY_BUILDS {
        let (build, log) = (BuildId(number), LogId(number));
        logs.begin(build, log).await?;
        logs.append(build, log, 0, Stream::Stdout, text.clone()).await?;
        logs.seal(build, log).await?;
        logs.finish(build).await?;
    }
    let taken = start.elapsed();
    logs.flush().await?;
    let (durable, cpu) = (start.elapsed(), cpu_time() - cpu);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / TINY_BUILDS as f64;
    println!("tiny: {:.1} µs a build until taken, {:.1} until durable", each(taken), each(durable));
    println!("      {:.1} µs of CPU time a build", each(cpu));
    Ok(())
}

/// CPU time of this process so far, all threads.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
