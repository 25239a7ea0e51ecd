//! Where a gate can stand, and what of a tree must not speak for whoever pushes.

use crate::gate::{Land, document};
use std::fs;
use testkit::Repo;

#[test]
fn a_linked_work_tree_and_a_submodule_are_as_good_as_any() {
    let land = Land::usual();
    let ann = land.developer("ann");
    let linked = land.place.path("linked");
    ann.git(["worktree", "add", "-q", "-b", "topic", linked.to_str().unwrap()]);
    let linked = Repo::with_work_tree(linked);
    linked.commit("topic", "in the linked tree", "linked.c", "x\n");
    assert_eq!(land.land(&linked, &[])["outcome"], "landed");

    let outer = Repo::with_work_tree(land.place.path("outer"));
    outer.commit("main", "outer", "a", "a\n");
    outer.git(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &land.target.address(), "inner"]);
    let inner = land.place.path("outer/inner");
    for (name, value) in [("user.name", "ann"), ("user.email", "ann@example.org")] {
        outer.git(["-C", inner.to_str().unwrap(), "config", name, value]);
    }
    outer.git(["-C", inner.to_str().unwrap(), "commit", "-q", "--allow-empty", "-m", "empty"]);
    fs::write(inner.join("inner.c"), "x\n").unwrap();
    outer.git(["-C", inner.to_str().unwrap(), "add", "inner.c"]);
    outer.git(["-C", inner.to_str().unwrap(), "commit", "-q", "-m", "in the submodule"]);
    let target = land.target.address();
    let mut command = land.command(&outer, &["--rebase", &target, "--pushto", &target, "--json"]);
    let said = crate::sealed::said(command.current_dir(&inner).output().unwrap()).passes();
    assert_eq!(document(&said)["outcome"], "landed");
    land.holds();
}

#[test]
fn merges_are_left_out_by_a_rebase_and_told() {
    let land = Land::usual();
    let ann = land.developer("ann");
    let begun = land.target.head("main");
    ann.point("topic", &begun);
    ann.commit("topic", "on a topic", "topic.c", "x\n");
    ann.commit("main", "on main", "main.c", "x\n");
    ann.git(["checkout", "-q", "main"]);
    ann.git(["merge", "-q", "--no-ff", "-m", "a merge", "topic"]);
    let target = land.target.address();
    let said = land.gate(&ann, &["--rebase", &target, "--pushto", &target]).passes();
    assert!(said.out.contains("! a merge is left out: "), "{said:?}");
    let landed = land.target.git(["log", "--format=%s", &format!("{begun}..main")]);
    let mut landed: Vec<&str> = landed.lines().collect();
    landed.sort_unstable();
    assert_eq!(landed, ["on a topic", "on main"]);
    land.holds();
}

#[test]
fn where_no_gate_can_stand_is_told() {
    let land = Land::usual();
    let says = |repo: &Repo, text: &str| {
        land.gate(repo, &["--dry-run"]).ends(2).says(text);
    };
    says(&land.target, "is a bare repository; a checkout is needed");
    says(&Repo::with_work_tree(land.place.path("empty")), "has no commit");
    let shallow = land.place.path("shallow");
    land.developer("ann").commit("main", "second", "a", "a\n");
    let from = format!("file://{}", land.place.path("ann").display());
    land.target.git(["clone", "-q", "--depth=1", &from, shallow.to_str().unwrap()]);
    says(&Repo::with_work_tree(shallow), "git fetch --unshallow");
    let none = land.place.path("none");
    fs::create_dir(&none).unwrap();
    let said = land.place.run(&["gate", "--repository", none.to_str().unwrap()]).ends(2);
    said.says("is in no git repository");
    let bob = land.developer("bob");
    land.gate(&bob, &["nosuch"]).ends(2).says("there is no task nosuch");
    land.gate(&bob, &["--branch", "a b"]).ends(2).says("'a b' for '--branch <NAME>': git takes no such name");
}

#[test]
fn a_task_in_a_directory_that_is_not_there_is_not_begun() {
    let land = Land::new("task(\"x\", dir = \"absent\", stages = [stage(\"t\", \"true\")])\n");
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    land.gate(&ann, &["--dry-run"]).ends(2).says("task x works in absent, which is no directory of the tree");
    land.holds();
}

#[test]
fn a_prefix_is_the_tasks_own() {
    let land = Land::new(
        "task(\"a/b\", stages = [\n    stage(\"install\", \"mkdir -p {prefix}/bin && : > {prefix}/bin/x\"),\n    \
         stage(\"look\", [\"test\", \"-e\", \"{prefix}/bin/x\"]),\n    stage(\"say\", \"echo {prefix} > EV/prefix\"),\n])\n",
    );
    let ann = land.developer("ann");
    land.gate(&ann, &[]).passes();
    assert!(land.seen("prefix")[0].ends_with("/prefix/a_b"), "{:?}", land.seen("prefix"));
    land.holds();
}

#[test]
fn the_mark_is_in_what_was_tested_and_opens_no_editor() {
    // Scenario 19.
    let land = Land::usual();
    let ann = land.developer("ann");
    ann.git(["config", "core.editor", "false"]);
    ann.commit("main", "mine\n\nAutobuild-User(main): old <old@example.org>", "mine.c", "mine\n");
    let said = land.land(&ann, &["--mark"]);
    assert_eq!(said["outcome"], "landed", "{said}");
    let message = land.target.git(["log", "-1", "--format=%B", "main"]);
    let users: Vec<&str> = message.lines().filter(|l| l.starts_with("Autobuild-User(main): ")).collect();
    assert_eq!(users, ["Autobuild-User(main): ann <ann@example.org>"], "{message}");
    assert!(message.contains("Autobuild-Date(main): "));
    land.holds();
}

#[test]
fn spaces_are_mended_in_the_tree_that_is_tested() {
    // Scenario 16.
    let mut land = Land::new(
        "task(\"x\", stages = [stage(\"t\", \"git rev-parse HEAD >> EV/seen; test ! -e mine.c || ! grep -n ' $' mine.c\")])\n",
    );
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine  \n");
    land.push_elsewhere("b.c", "b\n");
    let said = land.land(&ann, &["--fix-whitespace"]);
    assert_eq!(said["outcome"], "landed", "{said}");
    assert_eq!(land.target.git(["show", "main:mine.c"]), "mine");
    land.gate(&ann, &["--fix-whitespace"]).ends(2).says("--rebase URL");
    land.holds();
}

#[test]
fn hooks_of_a_tree_do_not_run_for_whoever_pushes() {
    // Scenario 20: hooks of the checkout, and hooks that a task puts into the clone that is pushed from.
    let land = Land::new(
        "task(\"evil\", stages = [stage(\"t\", \"git rev-parse HEAD >> EV/seen; d=$(git config remote.origin.url || \
         git rev-parse --git-dir); mkdir -p $d/.git/hooks; for h in pre-push post-checkout reference-transaction; do printf \
         '#!/bin/sh\\\\necho $0 >> EV/evil\\\\n' > $d/.git/hooks/$h; chmod +x $d/.git/hooks/$h; done\")])\n",
    );
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    for hook in ["pre-push", "post-checkout", "post-rewrite", "pre-rebase", "commit-msg", "reference-transaction"] {
        let path = ann.path().join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\necho {hook} >> {}\n", land.place.path("ev/evil").display())).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let said = land.land(&ann, &["--mark"]);
    assert_eq!(said["outcome"], "landed", "{said}");
    assert!(land.seen("evil").is_empty(), "{:?}", land.seen("evil"));
    land.holds();
}

#[test]
fn configuration_that_a_task_writes_does_not_act_for_whoever_pushes() {
    // Scenario 20: a task reaches into the clone that is pushed from, and into its own tree's repository.
    let land = Land::new(
        "task(\"evil\", stages = [stage(\"t\", \"git rev-parse HEAD >> EV/seen; d=$(git config remote.origin.url || \
         git rev-parse --git-dir); for c in $d/.git/config .git/config; do [ -e $c ] || continue; echo $c >> EV/reached; \
         for k in core.fsmonitor core.sshCommand core.editor core.pager credential.helper filter.x.clean filter.x.smudge \
         filter.x.process diff.external gpg.program remote.origin.receivepack remote.origin.uploadpack; do \
         git config --file $c $k 'echo x >> EV/evil; false'; done; \
         git config --file $c core.hooksPath EV/hooks; git config --file $c url.EV/elsewhere.insteadOf $(cat EV/target); done\")])\n",
    );
    let ann = land.developer("ann");
    fs::write(land.place.path("ev/target"), land.target.address()).unwrap();
    let hooks = land.place.path("ev/hooks");
    fs::create_dir_all(&hooks).unwrap();
    for hook in ["pre-push", "reference-transaction", "post-checkout", "post-index-change"] {
        fs::write(hooks.join(hook), format!("#!/bin/sh\necho {hook} >> {}\n", land.place.path("ev/evil").display()))
            .unwrap();
        fs::set_permissions(hooks.join(hook), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    ann.on("main").message("mine").file("mine.c", "mine\n").file(".gitattributes", "* filter=x diff=x\n").commit();
    let said = land.land(&ann, &[]);
    assert_eq!(said["outcome"], "landed", "{said}");
    assert!(!land.seen("reached").is_empty(), "no configuration was there to be written");
    assert!(land.seen("evil").is_empty(), "{:?}", land.seen("evil"));
    assert_eq!(land.target.head("main"), said["commit"].as_str().unwrap(), "it landed where it was to land");
    land.holds();
}

#[test]
fn what_the_developer_throws_away_meanwhile_is_there_until_the_end() {
    // Scenario 23.
    let land = Land::new("task(\"x\", stages = [stage(\"t\", \"git rev-parse HEAD >> EV/seen; cat EV/go\")])\n");
    land.fifo("go");
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let gate = land.start(&ann, &[]);
    land.wait_seen("seen", 1);
    ann.git(["reset", "-q", "--hard", "origin/main"]);
    ann.git(["reflog", "expire", "--expire=now", "--all"]);
    ann.git(["gc", "-q", "--prune=now"]);
    land.release("go");
    assert_eq!(document(&gate.end().passes())["outcome"], "landed");
    assert_eq!(ann.git(["for-each-ref", "refs/sluice"]), "");
    land.holds();
}

/// A test of the first attempt has another commit taken for the developer's, in two ways.
#[test]
fn what_a_test_writes_into_the_clone_does_not_land_with_the_next_attempt() {
    let mut land = Land::new(
        "task(\"evil\", stages = [stage(\"t\", \"git rev-parse HEAD >> EV/seen; [ -e EV/planted ] || exec sh EV/evil\")])\n",
    );
    let (testbase, planted) = (land.place.path("testbase"), land.place.path("ev/planted"));
    let evil = format!(
        "set -e; cd {}/b*/tree; h=$(git rev-parse HEAD); b=$(echo evil | git hash-object -w --stdin)\n\
         t=$( (git ls-tree $h; printf '100644 blob %s\\tevil.c\\n' $b) | git mktree)\n\
         e=$(git commit-tree $t -p $h^ -m mine); git replace $h $e\n\
         at() {{ echo .git/objects/$(echo $1 | cut -c1-2)/$(echo $1 | cut -c3-); }}\n\
         mkdir -p $(dirname $(at $h)); cp -f $(at $e) $(at $h); touch {}; exec sleep 600\n",
        testbase.display(),
        planted.display()
    );
    fs::write(land.place.path("ev/evil"), evil).unwrap();
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let gate = land.start(&ann, &["--retry"]);
    testkit::wait_until("it is planted", || planted.exists());
    land.push_elsewhere("b.c", "b\n");
    let said = document(&gate.end().passes());
    assert_eq!((said["outcome"].as_str(), said["attempts"].as_i64()), (Some("landed"), Some(2)), "{said}");
    let files = land.target.git(["diff", "--name-only", "main^", "main"]);
    assert_eq!(files, "mine.c", "what landed is not what the developer wrote");
    land.holds();
}

#[test]
fn a_branch_is_named_without_what_git_puts_before_it() {
    let land = Land::usual();
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let target = land.target.address();
    let said = land.gate(&ann, &["--rebase", &target, "--pushto", &target, "--branch", "refs/heads/main"]);
    said.ends(2).says("a branch is named without refs/heads/");
    assert_eq!(land.target.git(["for-each-ref", "--format=%(refname)"]), "refs/heads/main");
}
