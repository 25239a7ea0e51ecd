//! The values that a configuration can hold and only this room can make: functions of ours, steps, secrets.
//!
//! Each is a number into a list of the [`crate::registry::Registry`], so that nothing secret and nothing large
//! lies on the interpreter's heap.

use crate::call;
use allocative::Allocative;
use starlark::eval::{Arguments, Evaluator};
use starlark::starlark_simple_value;
use starlark::values::{NoSerialize, ProvidesStaticType, StarlarkPagable, StarlarkValue, Value, starlark_value};
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

/// A step that was made and may stand in the steps of builders: its number in the registry.
#[derive(Debug, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
pub(crate) struct Step {
    pub(crate) index: u32,
}
starlark_simple_value!(Step);

#[starlark_value(type = "step")]
impl<'v> StarlarkValue<'v> for Step {}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<step>")
    }
}

/// A secret that was found: its number in the registry. Its text cannot be had from inside a configuration.
#[derive(Debug, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
pub(crate) struct Secret {
    pub(crate) index: u32,
}
starlark_simple_value!(Secret);

#[starlark_value(type = "secret")]
impl<'v> StarlarkValue<'v> for Secret {}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}
