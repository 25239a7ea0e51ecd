//! Query strings, good and hostile, and the bodies of calls.

use api::query::{self, MOST_PARTS};
use api::{Build, BuildRequest, Builder, ForceParams, RpcError, rpc};
use model::query::Operand;
use model::{FilterOp, Value};
use serde_json::json;

/// A query as a line: filters, order, paging, fields, properties.
fn read(raw: &str) -> Result<String, String> {
    let ask = query::collection::<Build>(raw).map_err(|e| e.to_string())?;
    let mut out = Vec::new();
    for f in &ask.query.filters {
        let values: Vec<String> = f
            .values
            .iter()
            .map(|v| match v {
                Operand::Int(n) => n.to_string(),
                Operand::Bool(b) => b.to_string(),
                Operand::Text(t) => format!("{t:?}"),
                Operand::Null => "null".to_owned(),
            })
            .collect();
        let op = match f.op {
            FilterOp::Eq => "=",
            FilterOp::Ne => "!=",
            FilterOp::Lt => "<",
            FilterOp::Le => "<=",
            FilterOp::Gt => ">",
            FilterOp::Ge => ">=",
            FilterOp::Contains => "has",
        };
        out.push(format!("{} {op} {}", f.field, values.join("|")));
    }
    out.extend(ask.query.order.iter().map(|o| format!("{}{}", if o.descending { "down " } else { "up " }, o.field)));
    out.extend(ask.query.limit.map(|n| format!("limit {n}")));
    out.extend((ask.query.offset > 0).then(|| format!("offset {}", ask.query.offset)));
    out.extend(ask.fields.iter().map(|f| format!("field {f}")));
    out.extend(ask.properties.iter().map(|p| format!("property {p}")));
    Ok(out.join(", "))
}

#[test]
fn query_strings() {
    let cases = [
        ("", Ok("")),
        ("&&", Ok("")),
        ("limit=10&offset=20", Ok("limit 10, offset 20")),
        ("order=-buildid&order=number", Ok("down buildid, up number")),
        ("builderid=3", Ok("builderid = 3")),
        ("builderid=3&builderid=4", Ok("builderid = 3|4")),
        ("builderid__in=3&builderid__in=4", Ok("builderid = 3|4")),
        ("results__ne=0&results__notin=1", Ok("results != 0|1")),
        ("results=null", Ok("results = null")),
        ("started_at__ge=5&started_at__lt=9", Ok("started_at >= 5, started_at < 9")),
        ("number__gt=-1&number__le=7", Ok("number > -1, number <= 7")),
        ("complete=on&complete__eq=0", Ok("complete = true|false")),
        ("complete__ne=off", Ok("complete != false")),
        ("state_string__contains=a%20b+c", Ok("state_string has \"a b c\"")),
        ("state_string=%E2%9C%93", Ok("state_string = \"✓\"")),
        ("field=buildid&field=number&order=number", Ok("up number, field buildid, field number")),
        ("property=*", Ok("property *")),
        ("property=a&property=b", Ok("property a, property b")),
        ("state_string=null", Ok("state_string = \"null\"")),
        // What is wrong is said.
        ("limt=3", Err("unrecognized query parameter 'limt'")),
        ("buildid__like=3", Err("unrecognized query parameter 'buildid__like'")),
        ("__eq=3", Err("unrecognized query parameter '__eq'")),
        ("=3", Err("unrecognized query parameter ''")),
        ("limit=-1", Err("'limit' must be a whole number, 0 or more, not '-1'")),
        ("limit=1e3", Err("'limit' must be a whole number, 0 or more, not '1e3'")),
        ("offset=", Err("'offset' must be a whole number, 0 or more, not ''")),
        ("limit=18446744073709551615", Err("'limit' must be a whole number, 0 or more, not '18446744073709551615'")),
        ("buildid=x", Err("'buildid' must be a whole number, not 'x'")),
        ("buildid=1;drop", Err("'buildid' must be a whole number, not '1;drop'")),
        ("complete=maybe", Err("'complete' must be true, on, 1, false, off or 0, not 'maybe'")),
        ("complete__gt=1", Err("'complete' cannot be asked with 'gt'")),
        ("buildid__contains=1", Err("'buildid' cannot be asked with 'contains'")),
        ("properties=x", Err("'properties' cannot be asked with 'eq'")),
        ("order=properties", Err("'properties' cannot be asked with 'order'")),
        ("order=-nothing", Err("there is no field 'nothing'")),
        ("order=--buildid", Err("there is no field '-buildid'")),
        ("field=nothing", Err("there is no field 'nothing'")),
        ("field=number&order=buildid", Err("'buildid' is not among the fields that are asked for")),
        ("field=number&buildid=3", Err("'buildid' is not among the fields that are asked for")),
        ("number__gt=1&number__gt=2", Err("'number__gt' takes one value")),
        ("limit=%zz", Err("'%zz' is no percent-encoded UTF-8 text")),
        ("limit=%4", Err("'%4' is no percent-encoded UTF-8 text")),
        ("state_string=%ff", Err("'%ff' is no percent-encoded UTF-8 text")),
        ("%6Cimit=%31", Ok("limit 1")),
    ];
    for (raw, wanted) in cases {
        assert_eq!(read(raw), wanted.map(str::to_owned).map_err(str::to_owned), "{raw}");
    }
}

#[test]
fn a_single_document_takes_fields_and_properties_only() {
    assert!(query::single::<Build>("field=buildid&property=*").is_ok());
    let said = |raw| query::single::<Build>(raw).unwrap_err().to_string();
    assert_eq!(said("limit=1"), "'limit' asks for a part of a list, and this is a single document");
    assert_eq!(said("buildid=1"), "'buildid' asks for a part of a list, and this is a single document");
    assert_eq!(said("x=1"), "unrecognized query parameter 'x'");
    assert!(query::collection::<BuildRequest>("property=owner").is_ok());
    assert_eq!(
        query::collection::<Builder>("property=owner").unwrap_err().to_string(),
        "unrecognized query parameter 'property'"
    );
    assert_eq!(query::collection::<Builder>("tags__contains=a").unwrap().query.filters.len(), 1);
    assert!(query::collection::<Builder>("tags=a").is_err());
}

#[test]
fn long_queries_are_refused() {
    let many = vec!["builderid=1"; MOST_PARTS].join("&");
    assert!(query::collection::<Build>(&many).is_ok());
    assert!(query::collection::<Build>(&format!("{many}&builderid=1")).is_err());
    assert!(query::collection::<Build>(&format!("state_string={}", "x".repeat(query::MOST_BYTES))).is_err());
}

#[test]
fn lines_are_asked_with_offset_and_limit() {
    assert_eq!(query::lines("offset=5&limit=2"), Ok((5, Some(2))));
    assert_eq!(query::lines(""), Ok((0, None)));
    assert!(query::lines("offset=-1").is_err());
    assert!(query::lines("field=content").is_err());
}

#[test]
fn calls_are_checked() {
    let good = br#"{"jsonrpc":"2.0","method":"stop","id":7,"params":{"reason":"x","n":null}}"#;
    let call = rpc::parse(good).unwrap();
    assert_eq!((call.method.as_str(), &call.id), ("stop", &json!(7)));
    assert_eq!(call.text("reason"), Ok(Some("x".to_owned())));
    assert_eq!(call.text("n"), Ok(None));
    assert_eq!(call.truth("reason").unwrap_err().text(), "reason: must be true or false");
    let cases: [(&[u8], i64, &str); 10] = [
        (b"", RpcError::PARSE, "the body is no JSON: EOF while parsing a value at line 1 column 0"),
        (b"\xff", RpcError::PARSE, "the body is no JSON: expected value at line 1 column 1"),
        (b"[]", RpcError::INVALID_REQUEST, "several calls in one request are not supported"),
        (b"3", RpcError::INVALID_REQUEST, "the body must be an object"),
        (b"{}", RpcError::INVALID_REQUEST, "'jsonrpc' must be \"2.0\""),
        (br#"{"jsonrpc":"1.0"}"#, RpcError::INVALID_REQUEST, "'jsonrpc' must be \"2.0\""),
        (br#"{"jsonrpc":"2.0","id":1}"#, RpcError::INVALID_REQUEST, "'method' must be a string"),
        (br#"{"jsonrpc":"2.0","method":"x","params":{}}"#, RpcError::INVALID_REQUEST, "'id' is missing"),
        (
            br#"{"jsonrpc":"2.0","method":"x","id":[],"params":{}}"#,
            RpcError::INVALID_REQUEST,
            "'id' must be a string, a number or null",
        ),
        (
            br#"{"jsonrpc":"2.0","method":"x","id":1,"params":[]}"#,
            RpcError::INVALID_REQUEST,
            "'params' must be an object",
        ),
    ];
    for (body, code, text) in cases {
        assert_eq!(rpc::parse(body).unwrap_err(), RpcError::new(code, text), "{}", String::from_utf8_lossy(body));
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(rpc::parse(deep.as_bytes()).unwrap_err().code, RpcError::PARSE);
}

#[test]
fn force_takes_what_it_knows() {
    let parse = |value: serde_json::Value| ForceParams::parse(value.as_object().unwrap());
    let params = parse(json!({
        "builderid": "3", "reason": "x", "owner": "ann", "branch": "develop", "revision": "",
        "priority": 5, "kind": "release", "properties": { "jobs": 4, "flags": ["-O2", null] },
    }))
    .unwrap();
    assert_eq!(params.builder_ids, [model::BuilderId(3)]);
    assert_eq!((params.branch.as_deref(), params.revision.as_deref()), (Some("develop"), None));
    assert_eq!(params.properties["jobs"].value, Value::Int(4));
    assert_eq!(params.fields, [("kind".to_owned(), Value::from("release"))].into());
    assert_eq!(params.properties["jobs"].source, "Force Build Form");
    assert_eq!(parse(params.to_json()).unwrap(), params);

    let wrong = parse(json!({
        "builderNames": [1], "jobs": 0.5, "priority": "high", "reason": 7, "properties": { "half": 0.5 },
    }))
    .unwrap_err();
    let wrong: Vec<String> = wrong.into_iter().map(|(name, what)| format!("{name}: {what}")).collect();
    insta::assert_snapshot!(wrong.join("\n"), @r#"
    builderNames: must be a list of builder names
    jobs: 0.5 is no whole number of 64 bits; give it as text
    priority: must be a whole number
    properties: half: 0.5 is no whole number of 64 bits; give it as text
    reason: must be text
    "#);
}

#[test]
fn force_hands_nothing_on_that_a_program_would_take_for_an_option() {
    let refused = |value: serde_json::Value| ForceParams::parse(value.as_object().unwrap()).unwrap_err();
    let wrong = refused(json!({
        "builderNames": [], "branch": "--upload-pack=touch /tmp/x", "revision": "a\u{0}b", "repository": "-x",
        "priority": 1_000_000_000_000_i64,
    }));
    let wrong: Vec<String> = wrong.into_iter().map(|(name, what)| format!("{name}: {what}")).collect();
    insta::assert_snapshot!(wrong.join("\n"), @r#"
    branch: must not begin with "-"
    builderNames: names no builder; leave it out for all that the scheduler has
    priority: must be from -10000 to 10000
    repository: must not begin with "-"
    revision: has a control character in it
    "#);
}

#[test]
fn a_change_is_taken_as_it_is_told() {
    let add = |value: serde_json::Value| {
        let call = rpc::parse(rpc::call("add", &value).to_string().as_bytes()).unwrap();
        let add: api::AddChange = call.form().map_err(|e| e.text())?;
        add.into_change(model::Time(5)).map_err(|wrong| RpcError::fields(&wrong).text())
    };
    let change =
        add(json!({ "author": "ann", "files": ["a.c"], "branch": "", "when_timestamp": 9, "owner": "x" })).unwrap();
    assert_eq!((change.branch, change.when), (None, model::Time(9_000_000)));
    assert_eq!(add(json!({ "author": "ann" })).unwrap().when, model::Time(5));
    assert_eq!(add(json!({ "author": " " })).unwrap_err(), "author: say who wrote the change");
    assert!(add(json!({ "author": "ann", "who": "bob" })).unwrap_err().starts_with("unknown field `who`"));
    assert!(add(json!({ "author": 3 })).is_err());
    assert_eq!(
        add(json!({ "author": "a", "properties": { "x": 0.5 } })).unwrap_err(),
        "properties.x: 0.5 is no whole number of 64 bits; give it as text"
    );
}
