// A town to visit: a repository, a master with three builders and a gate, and what their commands wait for.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SLUICE = process.env.SLUICE ?? new URL("../../target/debug/sluice", import.meta.url).pathname;

const BROKEN = `printf '\\033[32mcc\\033[0m -c deflate.c\\n'
printf 'deflate.c:12:5: error: unknown type <script>alert(1)</script>\\n' >&2
printf 'make: *** [deflate.o] Error 1\\n' >&2
exit 2`;

export class Town {
  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), "sluice-browser-"));
    this.repository = join(this.dir, "repository");
    this.base = join(this.dir, "master");
    this.bell = join(this.dir, "bell");
    this.bar = join(this.dir, "bar");
    mkdirSync(this.repository);
    this.git("init", "-q", "-b", "main");
    this.commit("README", "first", "A first change");
    execFileSync("mkfifo", [this.bell, this.bar]);
  }

  git(...words) {
    return execFileSync("git", ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", ...words], {
      cwd: this.repository,
      encoding: "utf8",
    });
  }

  commit(file, text, message) {
    writeFileSync(join(this.repository, file), text);
    this.git("add", ".");
    this.git("commit", "-q", "-m", message);
  }

  // Hands a change of its own branch in at the gate. A tree with the file `bad` fails, one with `good` waits at the bar.
  land(branch, file, text) {
    this.git("branch", "-q", branch);
    this.git("worktree", "add", "-q", join(this.dir, branch), branch);
    writeFileSync(join(this.dir, branch, file), text);
    this.git("-C", join(this.dir, branch), "add", ".");
    this.git("-C", join(this.dir, branch), "commit", "-q", "-m", `Land ${branch} with <b>marks</b> & signs`);
    execFileSync(SLUICE, ["land", branch, "--master", this.url, "--owner", "ann", "--repository", this.repository], {
      env: { ...process.env, SLUICE_TOKEN: this.token },
      encoding: "utf8",
    });
  }

  // Lets the slow builder's step end.
  ring() {
    writeFileSync(this.bell, "ding\n");
  }

  async start() {
    execFileSync(SLUICE, ["master", "init", this.base], { encoding: "utf8" });
    writeFileSync(join(this.base, "master.star"), this.config());
    this.master = spawn(SLUICE, ["master", "run", this.base], { stdio: ["ignore", "pipe", "pipe"] });
    this.said = "";
    const address = new Promise((found, failed) => {
      const hear = (bytes) => {
        this.said += bytes;
        const match = this.said.match(/http:\/\/127\.0\.0\.1:\d+\//);
        if (match) found(match[0]);
      };
      this.master.stdout.on("data", hear);
      this.master.stderr.on("data", hear);
      this.master.on("exit", (code) => failed(new Error(`the master ended with ${code}:\n${this.said}`)));
    });
    this.url = await address;
    this.token = readFileSync(join(this.base, "token"), "utf8").trim();
  }

  config() {
    return `project(title = "Town")
web(listen = "127.0.0.1:0", users = {"ann": "sesame"})
local_worker("here", max_builds = 4)
changes.git_poller(${JSON.stringify(this.repository)}, branches = ["main"], every = "1s", build_existing = True)
git = steps.git(${JSON.stringify(this.repository)}, mode = "copy")
builder("linux", workers = ["here"], steps = [git, steps.test("echo all is well")])
builder("broken", workers = ["here"], steps = [git, steps.compile(${JSON.stringify(BROKEN)})])
builder("slow", workers = ["here"], steps = [steps.shell("echo one; read line < ${this.bell}; echo $line", name = "wait")])
schedulers.single_branch("push", branch = "main", builders = ["linux", "broken"])
schedulers.force("force", builders = ["linux", "broken", "slow"])
task("unit", stages = [stage("test", "if [ -e bad ]; then echo it is bad; exit 1; fi; if [ -e good ]; then read line < ${this.bar}; fi")])
gate("trunk", repo = ${JSON.stringify(this.repository)}, branch = "main", tasks = ["unit"], slots = 1, retries = 0, poll = "1s")
`;
  }

  async api(path) {
    const answer = await fetch(new URL(`api/v2/${path}`, this.url));
    return answer.json();
  }

  // Waits until a question to the API is answered with what is wanted.
  async until(path, wanted, limit = 60_000) {
    for (const end = Date.now() + limit; ; ) {
      const answer = await this.api(path);
      if (wanted(answer)) return answer;
      if (Date.now() > end) throw new Error(`${path} did not come to what was wanted: ${JSON.stringify(answer)}`);
      await new Promise((go) => setTimeout(go, 50));
    }
  }

  force(builder) {
    execFileSync(SLUICE, ["force", builder, "--master", this.url, "--reason", "a look"], {
      env: { ...process.env, SLUICE_TOKEN: this.token },
      encoding: "utf8",
    });
  }

  async end() {
    // A command outlives its master: whoever waits at the bar is let go.
    writeFileSync(this.bar, "go\n", { flag: "r+" });
    this.master.removeAllListeners("exit");
    const gone = new Promise((go) => this.master.on("exit", go));
    this.master.kill("SIGINT");
    await gone;
    rmSync(this.dir, { recursive: true, force: true });
  }
}
