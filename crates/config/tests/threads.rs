//! Functions of a configuration, called from several threads at once.

use config::{Limits, Loader, load_all};
use model::Value;

/// One file, and no secrets.
struct OneFile(&'static str);

impl Loader for OneFile {
    fn read(&self, _name: &str) -> Result<String, String> {
        Ok(self.0.to_owned())
    }
    fn secret_file(&self, _name: &str) -> Result<Option<String>, String> {
        Ok(None)
    }
    fn env(&self, _name: &str) -> Option<String> {
        None
    }
}

#[test]
fn functions_answer_on_many_threads_at_once() {
    let file = OneFile(
        "local_worker(\"here\")\nf = lambda n, worker: n * n\n\
         builder(\"b\", workers = [\"here\"], steps = [steps.test()], can_start = f)\n",
    );
    let loaded = load_all("master.star", &file, &Limits::default()).expect("the file is good");
    let reference = loaded.config.builders[0].can_start.clone().expect("it has a function");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (functions, reference) = (&loaded.functions, &reference);
            scope.spawn(move || {
                for n in thread..thread + 200 {
                    assert_eq!(functions.call(reference, &[Value::Int(n), Value::Null]), Ok(Value::Int(n * n)));
                }
            });
        }
    });
}
