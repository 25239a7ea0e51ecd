//! Operators and `range`, with a bound on what they make.
//!
//! The interpreter makes `[0] * 10000000000` in one go, without looking at its limits. So the operators that can make
//! large things out of small ones are replaced by calls of the functions here; their names are no identifiers, so no
//! file can call or change them.

use crate::given;
use crate::loader::Limits;
use crate::registry::Registry;
use allocative::Allocative;
use starlark::codemap::FileSpanRef;
use starlark::environment::GlobalsBuilder;
use starlark::eval::{Arguments, BeforeStmtFuncDyn, Evaluator};
use starlark::starlark_simple_value;
use starlark::syntax::AstModule;
use starlark::values::range::Range;
use starlark::values::{NoSerialize, ProvidesStaticType, StarlarkPagable, StarlarkValue, Value, starlark_value};
use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroI32;

/// What a function that is called later may take: what an evaluator carries then, in the place of a registry.
#[derive(ProvidesStaticType)]
pub(crate) struct Room {
    pub(crate) limits: Limits,
}

/// The limits of whatever is evaluated.
fn limits(eval: &Evaluator<'_, '_, '_>) -> Option<Limits> {
    let extra = eval.extra?;
    let registry = extra.downcast_ref::<Registry<'_>>().map(|registry| registry.limits);
    registry.or_else(|| extra.downcast_ref::<Room>().map(|room| room.limits))
}

/// The operators that are replaced.
const OPERATORS: [&str; 4] = ["*", "+", "%", "<<"];
/// How far a number may be shifted.
const LONGEST_SHIFT: i64 = 4096;

/// Replaces the operators of a parsed file.
pub(crate) fn replace(module: &mut AstModule) {
    let own: HashMap<String, String> = OPERATORS.iter().map(|op| ((*op).to_owned(), (*op).to_owned())).collect();
    module.replace_binary_operators(&own);
}

/// Makes the replacements known.
pub(crate) fn define(builder: &mut GlobalsBuilder) {
    for (op, index) in OPERATORS.iter().zip(0..) {
        builder.set(op, Operator { index });
    }
    builder.set("range", Operator { index: RANGE });
}

const RANGE: u32 = 100;

#[derive(Debug, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
struct Operator {
    index: u32,
}
starlark_simple_value!(Operator);

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.index == RANGE { "<function range>" } else { "<operator>" })
    }
}

#[starlark_value(type = "function")]
impl<'v> StarlarkValue<'v> for Operator {
    fn invoke(
        &self,
        _me: Value<'v>,
        args: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let (elements, bytes) = limits(eval).map_or((0, 0), |limits| (limits.elements, limits.heap / 8));
        let bounds = Bounds { elements, bytes };
        let heap = eval.heap();
        if self.index == RANGE {
            args.no_named_args()?;
            let numbers: Vec<_> = args.positions(heap)?.take(4).collect();
            return Ok(heap.alloc(bounds.range(&numbers)?));
        }
        let [a, b] = args.positional::<2>(heap)?;
        match OPERATORS.get(self.index as usize) {
            Some(&"*") => {
                bounds.product(a, b)?;
                a.mul(b, heap)
            }
            Some(&"+") => {
                bounds.sum(a, b)?;
                a.add(b, heap)
            }
            Some(&"%") => {
                bounds.format(a, b)?;
                a.percent(b, heap)
            }
            _ => {
                bounds.shift(a, b)?;
                a.left_shift(b, heap)
            }
        }
    }
}

/// What is too large, in words.
fn refuse<T>(what: String) -> starlark::Result<T> {
    Err(starlark::Error::new_other(std::io::Error::other(what)))
}

struct Bounds {
    elements: usize,
    bytes: usize,
}

/// How large a value is, and what its parts are called. Numbers have no size.
enum Size {
    Bytes(usize),
    Elements(usize),
    Number,
}

fn size(value: Value<'_>) -> Size {
    if let Some(text) = value.unpack_str() {
        return Size::Bytes(text.len());
    }
    match value.get_type() {
        "list" | "tuple" | "dict" | "set" | "bytes" => {
            Size::Elements(value.length().ok().and_then(|n| usize::try_from(n).ok()).unwrap_or(0))
        }
        _ => Size::Number,
    }
}

impl Bounds {
    fn check(&self, size: &Size, factor: usize, more: usize) -> starlark::Result<()> {
        let (own, most, what) = match size {
            Size::Bytes(own) => (*own, self.bytes, "a text of"),
            Size::Elements(own) => (*own, self.elements, "a list of"),
            Size::Number => return Ok(()),
        };
        let total = own.saturating_mul(factor).saturating_add(more);
        if total <= most {
            return Ok(());
        }
        let unit = if matches!(size, Size::Bytes(_)) { "bytes" } else { "elements" };
        refuse(format!("this would make {what} {total} {unit}; {most} is the most"))
    }

    fn product(&self, a: Value<'_>, b: Value<'_>) -> starlark::Result<()> {
        let big = |v: Value<'_>| v.get_type() == "int" && given::integer(v).is_none();
        if big(a) && big(b) {
            return refuse("this number would be too large".to_owned());
        }
        let times = |v: Value<'_>| match given::integer(v) {
            Some(n) => usize::try_from(n.max(0)).unwrap_or(usize::MAX),
            None => usize::MAX,
        };
        match (size(a), size(b)) {
            (Size::Number, Size::Number) => Ok(()),
            (sized, Size::Number) => self.check(&sized, times(b), 0),
            (Size::Number, sized) => self.check(&sized, times(a), 0),
            _ => Ok(()),
        }
    }

    fn sum(&self, a: Value<'_>, b: Value<'_>) -> starlark::Result<()> {
        match (size(a), size(b)) {
            (sized @ Size::Bytes(_), Size::Bytes(more)) => self.check(&sized, 1, more),
            (sized @ Size::Elements(_), Size::Elements(more)) => self.check(&sized, 1, more),
            _ => Ok(()),
        }
    }

    /// Each argument may be repeated by no more than one mark of the format.
    fn format(&self, format: Value<'_>, arguments: Value<'_>) -> starlark::Result<()> {
        if let Size::Bytes(own) = size(format) {
            let parts = given::items(arguments).unwrap_or_else(|| vec![arguments]);
            let more = parts.into_iter().map(|v| v.unpack_str().map_or(0, str::len)).fold(0, usize::saturating_add);
            return self.check(&Size::Bytes(own), 1, more);
        }
        Ok(())
    }

    fn shift(&self, _number: Value<'_>, by: Value<'_>) -> starlark::Result<()> {
        match given::integer(by) {
            Some(n) if n <= LONGEST_SHIFT => Ok(()),
            _ => refuse(format!("a number can be shifted by at most {LONGEST_SHIFT}")),
        }
    }

    fn range(&self, numbers: &[Value<'_>]) -> starlark::Result<Range> {
        let whole: Option<Vec<i64>> = numbers.iter().map(|v| given::integer(*v)).collect();
        let (start, stop, step) = match whole.as_deref() {
            Some([stop]) => (0, *stop, 1),
            Some([start, stop]) => (*start, *stop, 1),
            Some([start, stop, step]) => (*start, *stop, *step),
            _ => return refuse("range takes one to three whole numbers".to_owned()),
        };
        if step == 0 {
            return refuse("range cannot go in steps of 0".to_owned());
        }
        let way = i128::from(stop) - i128::from(start);
        let count =
            if (way > 0) == (step > 0) { way.unsigned_abs().div_ceil(u128::from(step.unsigned_abs())) } else { 0 };
        if count > self.elements as u128 {
            return refuse(format!("this range has {count} numbers; {} is the most", self.elements));
        }
        let small = |n: i64| i32::try_from(n).ok();
        match (small(start), small(stop), small(step).and_then(NonZeroI32::new)) {
            (Some(start), Some(stop), Some(step)) => Ok(Range::new(start, stop, step)),
            _ => refuse("range takes numbers up to 2147483647".to_owned()),
        }
    }
}

/// What [`HeapWatch`] says, and nobody else.
pub(crate) const TOO_MUCH: &str = "Memory limit has been exceeded";

/// Looks at the heap before every statement: `l += l` is no call, and forty of them in a row make a terabyte.
pub(crate) struct HeapWatch;

impl<'e> BeforeStmtFuncDyn<'e> for HeapWatch {
    fn call<'v>(
        &mut self,
        span: FileSpanRef<'_>,
        _continued: bool,
        eval: &mut Evaluator<'v, '_, 'e>,
    ) -> starlark::Result<()> {
        let registry = eval.extra.and_then(|extra| extra.downcast_ref::<Registry<'_>>());
        if let Some(registry) = registry {
            *registry.last_statement.borrow_mut() = Some(span.to_file_span());
        }
        match limits(eval) {
            Some(limits) if eval.heap().peak_allocated_bytes() > limits.heap => refuse(TOO_MUCH.to_owned()),
            _ => Ok(()),
        }
    }
}
