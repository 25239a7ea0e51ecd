//! The values that a configuration can hold and only this room can make: functions of ours, steps, secrets, texts to be
//! finished, patterns, fields of forms, locks.
//!
//! Each is a number into a list of the [`crate::registry::Registry`], so that nothing secret and nothing large
//! lies on the interpreter's heap.

use crate::{call, given};
use allocative::Allocative;
use starlark::eval::{Arguments, Evaluator};
use starlark::starlark_simple_value;
use starlark::values::{Heap, NoSerialize, ProvidesStaticType, StarlarkPagable, StarlarkValue, Value, starlark_value};
use std::fmt;

/// A function of ours: its number in [`crate::functions::ALL`].
#[derive(Debug, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
pub(crate) struct Function {
    pub(crate) index: u32,
}
starlark_simple_value!(Function);

#[starlark_value(type = "function")]
impl<'v> StarlarkValue<'v> for Function {
    fn invoke(
        &self,
        _me: Value<'v>,
        args: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        call::invoke(self.index, args, eval)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match crate::functions::ALL.get(self.index as usize) {
            Some(def) => write!(f, "<function {}>", def.path),
            None => f.write_str("<function>"),
        }
    }
}

/// A value that is a number into a list of the registry.
macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident, $word:literal, $shown:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
        pub(crate) struct $name {
            pub(crate) index: u32,
        }
        starlark_simple_value!($name);

        #[starlark_value(type = $word)]
        impl<'v> StarlarkValue<'v> for $name {}

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($shown)
            }
        }
    )+};
}

handles! {
    /// A step that was made and may stand in the steps of builders.
    Step, "step", "<step>";
    /// A secret that was found. Its text cannot be had from inside a configuration.
    Secret, "secret", "<secret>";
    /// A text that is finished when it is needed.
    Words, "interpolation", "<interpolation>";
    /// What a text of a change must be like.
    Pattern, "pattern", "<pattern>";
    /// A field of a form.
    Parameter, "parameter", "<parameter>";
}

/// A lock that was made: its number among the locks of the draft.
#[derive(Debug, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
pub(crate) struct Lock {
    pub(crate) index: u32,
}
starlark_simple_value!(Lock);

#[starlark_value(type = "lock")]
impl<'v> StarlarkValue<'v> for Lock {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let lock = self.index;
        match attribute {
            "counting" => Some(heap.alloc(LockWay { lock, exclusive: false })),
            "exclusive" => Some(heap.alloc(LockWay { lock, exclusive: true })),
            _ => None,
        }
    }

    fn dir_attr(&self) -> Vec<String> {
        ["counting", "exclusive"].map(str::to_owned).to_vec()
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<lock>")
    }
}

/// `lock.counting` or `lock.exclusive`, not yet called.
#[derive(Debug, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
struct LockWay {
    lock: u32,
    exclusive: bool,
}
starlark_simple_value!(LockWay);

#[starlark_value(type = "function")]
impl<'v> StarlarkValue<'v> for LockWay {
    fn invoke(
        &self,
        _me: Value<'v>,
        args: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let refuse = |what: &str| Err(starlark::Error::new_other(std::io::Error::other(what.to_owned())));
        let heap = eval.heap();
        args.no_named_args()?;
        let given: Vec<_> = args.positions(heap)?.take(2).collect();
        let places = match (self.exclusive, given.as_slice()) {
            (true, []) => None,
            (true, _) => return refuse("exclusive() of a lock takes nothing: all of it is taken"),
            (false, []) => Some(1),
            (false, [one]) => match given::integer(*one).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0) {
                Some(n) => Some(n),
                None => return refuse("counting(…) of a lock takes a number of places from 1"),
            },
            (false, _) => return refuse("counting(…) of a lock takes one number"),
        };
        Ok(heap.alloc(LockHold { lock: self.lock, places }))
    }
}

impl fmt::Display for LockWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.exclusive { "<function exclusive>" } else { "<function counting>" })
    }
}

/// The wish to hold a lock: `None` is alone.
#[derive(Debug, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
pub(crate) struct LockHold {
    pub(crate) lock: u32,
    pub(crate) places: Option<u32>,
}
starlark_simple_value!(LockHold);

#[starlark_value(type = "lock")]
impl<'v> StarlarkValue<'v> for LockHold {}

impl fmt::Display for LockHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<lock>")
    }
}
