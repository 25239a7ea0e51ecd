//! Reporters: what they take, and what is said of what they do not.

use super::Memory;
use model::{AddLogs, MailLookup, MailTls, ReportMode, ReporterKind, ReporterSpec};

const BEFORE: &str = "local_worker(\"here\")\n\
     builder(\"linux\", workers = [\"here\"], tags = [\"main\"], steps = [steps.shell(\"make\")])\n\
     schedulers.single_branch(\"quick\", branch = \"develop\", builders = [\"linux\"])\n";

fn load(text: &str) -> Result<Vec<ReporterSpec>, String> {
    let memory = Memory::master(&format!("{BEFORE}{text}\n")).secret("smtp", "sesame");
    memory.load().map(|config| config.reporters).map_err(|e| e.to_string())
}

fn mail(reporter: &ReporterSpec) -> &model::MailSpec {
    match &reporter.kind {
        ReporterKind::Mail(mail) => mail,
        ReporterKind::Http(_) => panic!("{} is no mail", reporter.name),
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let reporters = load(
        "reporters.mail(from_addr = \"ci@example.org\")\n\
         reporters.mail(from_addr = \"ci@example.org\", relayhost = \"mx.example.org\", user = \"ci\", \
         password = secret(\"smtp\"), mode = \"all\", branches = [\"develop\", None], builders = [\"linux\"], \
         tags = [\"main\"], schedulers = [\"quick\"], add_logs = [\"stdio\"], lookup = \"@example.org\")\n\
         reporters.http(\"https://hooks.example.org/\", name = \"hook\", secret = secret(\"smtp\"))",
    );
    let reporters = reporters.unwrap();
    let names: Vec<_> = reporters.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["mail", "mail-2", "hook"]);
    let (plain, full) = (mail(&reporters[0]), mail(&reporters[1]));
    assert_eq!(reporters[0].occasions.modes, [ReportMode::Change].into());
    assert!(plain.send_to_interested_users && plain.lookup.is_none() && plain.add_logs == AddLogs::Nothing);
    assert_eq!((plain.relayhost.as_str(), plain.port, plain.tls), ("localhost", 25, MailTls::Nothing));
    assert_eq!((full.port, full.tls), (587, MailTls::StartTls));
    assert_eq!(full.lookup, Some(MailLookup::Append("example.org".to_owned())));
    assert_eq!(reporters[1].occasions.branches, [Some("develop".to_owned()), None]);
    assert_eq!(reporters[1].occasions.modes.len(), 7);
    assert!(!format!("{reporters:?}").contains("sesame"), "a secret stays one");
}

#[test]
fn what_is_wrong_is_said() {
    let from = "reporters.mail(from_addr = \"ci@example.org\"";
    let cases = [
        ("reporters.mail()", "reporters.mail needs from_addr"),
        ("reporters.mail(from_addr = \"nobody\")", "an address of mail, like ci@example.org"),
        ("reporters.mail(from_addr = \"a@b.example\\r\\nBcc: c@d.example\")", "an address of mail"),
        (&format!("{from}, extra_recipients = [\"a b@c.example\"])"), "\"a b@c.example\" in it, which is no address"),
        (&format!("{from}, send_to_interested_users = False)"), "has nobody to write to"),
        (&format!("{from}, mode = \"falling\")"), "did you mean \"failing\"?"),
        (&format!("{from}, mode = [])"), "mode of reporters.mail is empty"),
        (
            &format!("{from}, builders = [\"linus\"])"),
            "reporter \"mail\" names builder \"linus\", which is not defined",
        ),
        (&format!("{from}, tags = [\"slow\"])"), "reporter \"mail\" names tag \"slow\", which no builder has"),
        (&format!("{from}, schedulers = [\"full\"])"), "names scheduler \"full\", which is not defined"),
        (&format!("{from}, subject = \"{{bulder}}\")"), "did you mean {builder}?"),
        (&format!("{from}, tls = \"ssl\")"), "it is \"none\", \"starttls\" or \"tls\""),
        (&format!("{from}, user = \"ci\")"), "has a user and no password"),
        (
            &format!("{from}, relayhost = \"mx.example.org\", tls = \"none\", user = \"ci\", password = \"x\")"),
            "sends a password over an open line",
        ),
        (&format!("{from}, lookup = {{\"ada\": 7}})"), "lookup of reporters.mail has"),
        (&format!("{from}, lookup = \"@\")"), "which is no domain"),
        (&format!("{from}, name = \"a\")\n{from}, name = \"a\")"), "there are two reporters named \"a\""),
        ("reporters.http(\"ftp://x\")", "an address that begins with http:// or https://"),
        ("reporters.http(\"http://x/\", headers = {\"a b\": \"c\"})", "has a header named \"a b\""),
        ("reporters.http(\"http://x/\", headers = {\"a\": \"c\\nd: e\"})", "more than a line of ASCII"),
        ("reporters.irc()", "reporters.irc is not available in this version"),
    ];
    for (text, expected) in cases {
        let error = load(text).map(|_| ()).expect_err(text);
        assert!(error.contains(expected), "{text}\n{error}");
        assert!(error.contains("master.star:"), "{error}");
    }
}

#[test]
fn a_reload_says_what_becomes_of_a_reporter() {
    let config = |text: &str| Memory::master(&format!("{BEFORE}{text}\n")).load().unwrap();
    let one = config("reporters.mail(from_addr = \"ci@example.org\", lookup = lambda who: None)");
    let other = config("\n\nreporters.mail(from_addr = \"ci@example.org\", lookup = lambda who: None, mode = \"all\")");
    assert_eq!(crate::difference(&one, &other), ["~ reporter mail: mode"]);
    assert_eq!(crate::difference(&one, &config("")), ["- reporter mail: what it has not sent is given up"]);
    assert!(crate::describe(&one).contains("mail  change  letters by localhost"), "{}", crate::describe(&one));
}
