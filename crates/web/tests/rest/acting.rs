//! Acts: what each call becomes, who may make it, and which page may ask for it.

use crate::town::{TOKEN, Town};
use axum::http::StatusCode;
use serde_json::{Value, json};
use web::rest::auth::Anonymous;

#[tokio::test]
async fn calls_become_acts() {
    let town = Town::new().await;
    let filed = json!([30, { "1": 40, "2": 41 }]);
    let cases = [
        (
            "forceschedulers/force",
            "force",
            json!({ "reason": "x" }),
            filed.clone(),
            r#"force "force" builders  for token: x branch "default" priority 0 properties []"#,
        ),
        (
            "forceschedulers",
            "force",
            json!({ "builderNames": ["mac os", "linux", "linux"], "owner": "ann", "branch": "develop", "priority": 5, "properties": { "a": 1 } }),
            filed.clone(),
            r#"force "any" builders 2,1 for ann: force build branch "develop" priority 5 properties ["a"]"#,
        ),
        ("builds/2", "stop", json!({ "reason": "enough" }), Value::Null, "stop 2: enough"),
        ("builders/linux/builds/2", "stop", json!({}), Value::Null, "stop 2: stopped by token"),
        ("builds/1", "rebuild", json!({ "owner": "bob" }), filed, "rebuild 1: rebuilt by bob"),
        ("buildrequests/3", "cancel", json!({}), Value::Null, "cancel 3: cancelled by token"),
        ("buildsets/3", "cancel", json!({ "reason": "enough" }), Value::Null, "cancel set 3: enough"),
        ("workers/here", "pause", json!({ "reason": "new disk" }), Value::Null, "pause 1: new disk"),
        ("workers/1", "unpause", json!({}), Value::Null, "pause 1: no more"),
        ("schedulers/2", "enable", json!({ "enabled": false }), Value::Null, "scheduler 2 No"),
        ("changes", "add", json!({ "author": "ann", "files": ["a", "b"] }), json!(9), "change by ann of a b"),
        ("changes", "add", json!({ "author": "ann", "revision": "known" }), Value::Null, "change by ann of "),
        ("masters/1", "reload", json!({}), json!(["nothing changed"]), "reload"),
    ];
    for (path, method, params, result, note) in cases {
        let said = town.act(&format!("/api/v2/{path}"), method, params).await;
        assert_eq!(said.status, StatusCode::OK, "{path} {method}: {}", said.text());
        assert_eq!(said.json(), json!({ "jsonrpc": "2.0", "id": 1, "result": result }), "{path} {method}");
        assert_eq!(town.notes.take(), [note], "{path} {method}");
    }
}

#[tokio::test]
async fn patches_are_handed_in() {
    let town = Town::new().await;
    let filed = json!([7, { "1": 9 }]);
    let job = json!({ "jobid": "j", "branch": "main", "baserev": "abc", "patch_level": 1, "patch_body": "x", "who": "zoe",
        "comment": "c", "builderNames": ["linux"], "properties": { "a": 1 } });
    let said = town.act("/api/v2/sluice/try", "try", job.clone()).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text());
    assert_eq!(said.json(), json!({ "jsonrpc": "2.0", "id": 1, "result": filed }));
    let note = r#"try tries ["linux"] for zoe: c branch Some("main") at Some("abc") patch Some((1, 1))"#;
    assert_eq!(town.notes.take(), [note]);
    let long = "x".repeat(model::PATCH_LIMIT + 1);
    let with = |name: &str, value: Value| {
        let mut job = job.clone();
        job[name] = value;
        job
    };
    let cases = [
        (
            with("builderNames", json!(["mac os"])),
            json!({ "builderNames": "no try scheduler has a builder 'mac os'; tries may ask linux" }),
        ),
        (
            with("scheduler", json!("x")),
            json!({ "scheduler": "there is no try scheduler 'x' for this user; there is tries" }),
        ),
        (with("branch", json!("-x")), json!({ "branch": "must not begin with \"-\"" })),
        (with("patch_body", json!(long)), json!({ "patch_body": "has 4194305 bytes; 4194304 are the limit" })),
        (with("properties", json!({ "a": 0.5 })), json!({ "a": "0.5 is no whole number of 64 bits; give it as text" })),
        (
            with("patch", json!("x")),
            json!({ "patch": "is no part of a job; it has jobid, branch, baserev, patch_level, patch_body, patch_body_base64, repository, project, codebase, who, comment, builderNames, properties" }),
        ),
    ];
    for (params, message) in cases {
        let said = town.act("/api/v2/sluice/try", "try", params).await;
        assert_eq!((said.status.as_u16(), &said.json()["error"]["message"]), (400, &message));
    }
    assert_eq!(town.act("/api/v2/sluice/try", "force", json!({})).await.status.as_u16(), 501);
    assert!(town.notes.take().is_empty());
    let all = town.get("/api/v2/sluice/try").await.json();
    let tries = json!([{ "name": "tries", "kind": "try_userpass", "builder_names": ["linux"], "enabled": true }]);
    assert_eq!(all, json!({ "tryschedulers": tries }));
    assert_eq!(town.get("/api/v2/sluice/patches/1").await.status, StatusCode::NOT_FOUND);
}

/// Who may hand a patch in: the header, the status, and for whom it is.
#[tokio::test]
async fn patches_need_a_password_or_the_token() {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "try", "params": { "who": "zoe" } }).to_string();
    // ann:sesame, ann:wrong, eve:sesame, and no pair at all.
    let cases: [(Option<String>, u16, &str); 7] = [
        (None, 401, ""),
        (Some(format!("Bearer {TOKEN}")), 200, "for zoe"),
        (Some("Bearer wrong".to_owned()), 403, ""),
        (Some("Basic YW5uOnNlc2FtZQ==".to_owned()), 200, "for ann"),
        (Some("Basic YW5uOndyb25n".to_owned()), 403, ""),
        (Some("Basic ZXZlOnNlc2FtZQ==".to_owned()), 403, ""),
        (Some("Basic YW5u".to_owned()), 403, ""),
    ];
    // Those who may do everything else without a name may not do this.
    for anonymous in [Anonymous::Reads, Anonymous::Acts] {
        let town = Town::with(anonymous).await;
        for (authorization, status, who) in &cases {
            let mut headers = vec![("content-type", "application/json")];
            headers.extend(authorization.iter().map(|a| ("authorization", a.as_str())));
            let said = town.call("/api/v2/sluice/try", &body, &headers).await;
            assert_eq!(said.status.as_u16(), *status, "{authorization:?}: {}", said.text());
            let notes = town.notes.take();
            assert_eq!(notes.len(), usize::from(*status == 200), "{authorization:?}");
            assert!(notes.iter().all(|note| note.contains(who)), "{notes:?}");
        }
        // Guessing is not for free.
        let guess = [("content-type", "application/json"), ("authorization", "Basic YW5uOndyb25n")];
        for _ in 0..20 {
            town.call("/api/v2/sluice/try", &body, &guess).await;
        }
        assert_eq!(town.call("/api/v2/sluice/try", &body, &guess).await.status.as_u16(), 429);
    }
}

#[tokio::test]
async fn calls_that_are_not_right_become_nothing() {
    let town = Town::new().await;
    let cases = [
        ("builds/2", "explode", json!({}), 501, -32601, json!("there is no method 'explode' at this path")),
        ("builds", "stop", json!({}), 501, -32601, json!("there is no method 'stop' at this path")),
        ("builds/77", "stop", json!({}), 404, -32600, json!("there is no build 77")),
        ("builds/1", "stop", json!({}), 409, -32602, json!("build 1 has ended already")),
        ("builds/2", "stop", json!({ "reason": 7 }), 400, -32602, json!({ "reason": "must be text" })),
        (
            "nothing",
            "stop",
            json!({}),
            404,
            -32600,
            json!("there is no path /api/v2/nothing; /api/v2/application.spec lists all"),
        ),
        (
            "forceschedulers",
            "force",
            json!({ "builderNames": ["solaris"], "builderid": 9 }),
            400,
            -32602,
            json!({ "builderNames": "there is no builder 'solaris'", "builderid": "there is no builder 9" }),
        ),
        (
            "forceschedulers",
            "force",
            json!({ "builderNames": 7, "priority": [] }),
            400,
            -32602,
            json!({ "builderNames": "must be a list of builder names", "priority": "must be a whole number" }),
        ),
        (
            "forceschedulers",
            "force",
            json!({ "branch": "nowhere" }),
            400,
            -32602,
            json!({ "branch": "there is no branch 'nowhere'" }),
        ),
        ("schedulers/1", "enable", json!({}), 400, -32602, json!({ "enabled": "must be true or false" })),
        ("changes", "add", json!({}), 400, -32602, json!({ "author": "say who wrote the change" })),
    ];
    for (path, method, params, status, code, message) in cases {
        let said = town.act(&format!("/api/v2/{path}"), method, params).await;
        assert_eq!(said.status.as_u16(), status, "{path} {method}: {}", said.text());
        assert_eq!(said.json()["error"], json!({ "code": code, "message": message }), "{path} {method}");
        assert!(town.notes.take().is_empty(), "{path} {method}");
    }
    let bearer = format!("Bearer {TOKEN}");
    let good = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    assert_eq!(town.call("/api/v2/builds/2", "{", &good).await.status, StatusCode::BAD_REQUEST);
    let big = "x".repeat(5 * 1024 * 1024);
    assert_eq!(town.call("/api/v2/builds/2", &big, &good).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let form = [("content-type", "text/plain"), ("authorization", bearer.as_str())];
    let stop = api::rpc::call("stop", &json!({})).to_string();
    assert_eq!(town.call("/api/v2/builds/2", &stop, &form).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(town.notes.take().is_empty());
}

/// The cookie of somebody who has logged in.
async fn login(town: &Town) -> String {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let said = town.call("/auth/login", "user=ann&password=secret&next=/builders/linux", &form).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    assert_eq!(said.header("location"), "/builders/linux");
    let cookie = said.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

/// Headers beside the type; the status where strangers read, and where they act.
type Case<'a> = (&'a [(&'a str, &'a str)], u16, u16);

#[tokio::test]
async fn who_may_act() {
    let closed = Town::new().await;
    let open = Town::with(Anonymous::Acts).await;
    let cookies = [login(&closed).await, login(&open).await];
    let stop = api::rpc::call("stop", &json!({})).to_string();
    let token = format!("Bearer {TOKEN}");
    let cases: [Case; 16] = [
        (&[], 401, 200),
        (&[("authorization", &token)], 200, 200),
        (&[("authorization", "Bearer wrong")], 403, 403),
        (&[("authorization", "Bearer ")], 403, 403),
        (&[("authorization", "Basic YW5uOnNlY3JldA==")], 401, 200),
        (&[("authorization", &token), ("sec-fetch-site", "cross-site")], 200, 200),
        (&[("cookie", "COOKIE")], 200, 200),
        (&[("cookie", "a=b; COOKIE; c=d")], 200, 200),
        (&[("cookie", "sluice_session=0000")], 403, 200),
        (&[("cookie", "COOKIE"), ("sec-fetch-site", "same-origin")], 200, 200),
        (&[("cookie", "COOKIE"), ("sec-fetch-site", "cross-site")], 403, 403),
        (&[("cookie", "COOKIE"), ("sec-fetch-site", "same-site")], 403, 403),
        (&[("cookie", "COOKIE"), ("origin", "http://evil.example")], 403, 403),
        (&[("cookie", "COOKIE"), ("origin", "http://sluice.test")], 200, 200),
        (&[("sec-fetch-site", "cross-site")], 403, 403),
        (&[("origin", "null")], 403, 403),
    ];
    for (headers, reads, acts) in cases {
        for ((town, cookie), status) in [(&closed, &cookies[0]), (&open, &cookies[1])].into_iter().zip([reads, acts]) {
            let headers: Vec<(&str, String)> = headers.iter().map(|(n, v)| (*n, v.replace("COOKIE", cookie))).collect();
            let mut sent: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
            sent.push(("content-type", "application/json"));
            let said = town.call("/api/v2/builds/2", &stop, &sent).await;
            assert_eq!(said.status.as_u16(), status, "{headers:?}: {}", said.text());
            assert_eq!(town.notes.take().len(), usize::from(status == 200), "{headers:?}");
        }
    }
    let denied = closed.call("/api/v2/builds/2", &stop, &[("content-type", "application/json")]).await;
    assert_eq!(denied.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn a_login_speaks_for_itself() {
    let town = Town::new().await;
    let cookie = login(&town).await;
    let body = api::rpc::call("stop", &json!({ "owner": "the boss" })).to_string();
    let headers = [("content-type", "application/json"), ("cookie", cookie.as_str())];
    town.call("/api/v2/builds/2", &body, &headers).await;
    assert_eq!(town.notes.take(), ["stop 2: stopped by ann"]);

    let form = [("content-type", "application/x-www-form-urlencoded"), ("cookie", cookie.as_str())];
    let out = town.call("/auth/logout", "next=//evil.example", &form).await;
    assert_eq!((out.status, out.header("location")), (StatusCode::SEE_OTHER, "/"));
    assert_eq!(town.call("/api/v2/builds/2", &body, &headers).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn logins_fail_politely_and_not_too_often() {
    let town = Town::new().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for body in ["user=ann&password=wrong", "user=nobody&password=", "user=&password="] {
        let said = town.call("/auth/login", body, &form).await;
        assert_eq!(said.header("location"), "/login?error=wrong&next=/", "{body}");
        assert_eq!(said.header("set-cookie"), "");
    }
    let crossed = [form[0], ("sec-fetch-site", "cross-site")];
    let said = town.call("/auth/login", "user=ann&password=secret", &crossed).await;
    assert_eq!(said.status, StatusCode::FORBIDDEN);
    for _ in 0..20 {
        town.call("/auth/login", "user=ann&password=wrong", &form).await;
    }
    let said = town.call("/auth/login", "user=ann&password=secret", &form).await;
    assert_eq!(said.header("location"), "/login?error=slow&next=/");
}

#[tokio::test]
async fn new_rules_end_old_sessions() {
    use model::worker::Secret;
    use web::rest::auth::sum;
    let town = Town::new().await;
    let cookie = login(&town).await;
    let mut headers = axum::http::HeaderMap::new();
    headers.insert("cookie", cookie.parse().unwrap());
    let who = || town.web.auth.who(&headers).map(|u| u.name);
    assert_eq!(who().as_deref(), Some("ann"));
    let user = |password: &str| [("ann".to_owned(), Secret::new(password))];
    town.web.auth.replace(Some(sum("new")), &user("secret"), Anonymous::Reads);
    assert_eq!(who().as_deref(), Some("ann"));
    town.web.auth.replace(Some(sum("new")), &user("changed"), Anonymous::Reads);
    assert_eq!(who(), None);
    town.web.auth.replace(None, &[], Anonymous::Reads);
    headers.insert("authorization", "Bearer new".parse().unwrap());
    assert_eq!(town.web.auth.who(&headers), None);
    assert!(!town.web.auth.has_users());
}

#[tokio::test]
async fn calls_that_say_too_much_become_nothing() {
    let town = Town::new().await;
    let cases = [
        (
            "builds/2",
            "stop",
            json!({ "reason": "x".repeat(1001) }),
            json!({ "reason": "has 1001 characters; 1000 are the limit" }),
        ),
        (
            "forceschedulers",
            "force",
            json!({ "reason": "x".repeat(50_000), "properties": { "a": "x".repeat(70_000) } }),
            json!({
                "reason": "has 50000 characters; 1000 are the limit",
                "properties": "the value of a has 70000 bytes; 65536 are the limit",
            }),
        ),
        (
            "changes",
            "add",
            json!({ "author": "ann", "when_timestamp": 1_700_000_000_000i64, "branch": "b".repeat(2000) }),
            json!({
                "branch": "has 2000 characters; 1000 are the limit",
                "when_timestamp": "1700000000000 is no time of a change; it is counted in seconds since 1970 and at most a year ahead of now, which is 1700000000",
            }),
        ),
    ];
    for (path, method, params, message) in cases {
        let said = town.act(&format!("/api/v2/{path}"), method, params).await;
        assert_eq!(said.status, StatusCode::BAD_REQUEST, "{path} {method}: {}", said.text());
        assert_eq!(said.json()["error"], json!({ "code": -32602, "message": message }), "{path} {method}");
        assert_eq!(town.notes.take(), [""; 0], "{path} {method}");
    }
}
