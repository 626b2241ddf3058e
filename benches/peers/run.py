#!/usr/bin/env python3
"""Times the training steps of Brolga, TensorFlow, JAX, PyTorch, burn and candle side by side.

  ./run.py                                        everything; writes RESULTS.md
  ./run.py --quick                                a few minutes: two cases, short; prints alone
  ./run.py --cases mlp_b32,matmul_512 --modes brolga_jit,burn_flex,candle --threads 1
  ./run.py --more                                 other models, in more/; writes RESULTS.more.md

Builds Brolga and the program in rust/, and runs each case in all modes one after another, so that
they meet the machine in the same state. Needs the standard library alone; the frameworks of Python
are in virtual environments of their own (the shared folder's peers/setup.sh makes them).
"""
import argparse
import fcntl
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

MODES = {
    "brolga_jit": "brolga", "tf1_session": "tf", "tf_function": "tf", "tf_xla": "tf",
    "keras_fit": "tf", "jax_jit": "jax", "jax_jit_pool": "jax", "torch_eager": "torch",
    "torch_eager_fused": "torch", "torch_compile": "torch", "burn_flex": "rust",
    "burn_ndarray": "rust", "candle": "rust",
}
MODELS = [
    "mlp_b32", "mlp_b128", "mlp_dropout_b32", "autoencoder_b128", "cnn_mnist_b32",
    "cnn_mnist_b128", "cnn_cifar_b64", "resnet_small_b32", "rnn_b64", "lstm_b64", "gan_b64",
    "transformer_small_b16",
]
OPERATIONS = [
    "matmul_256", "matmul_512", "matmul_1024", "matmul_2048", "softmax", "layernorm",
    "elementwise", "adam_update", "reduce_sum",
]
QUICK = ["mlp_b32", "softmax"]
# Why losses differ.
WHY = {
    "resnet_small_b32":
        "PyTorch and burn pad `resnet_small_b32` in another way: see README.md.",
    "mlp_odd_b37":
        "Adam's eps stands beside another root in TensorFlow and Brolga than in JAX and PyTorch, "
        "which `mlp_odd_b37` shows: with an eps of 1e-12 Brolga's and JAX's losses agree to 1e-4.",
}
# Models and batches that the shared folder does not have, in more/.
MORE = [
    "mlp_wide_b64", "mlp_deep_b50", "mlp_odd_b37", "mlp_big_b256", "lenet_b64", "filters5_b50",
    "vgg_b16", "vae_b128", "gru_b64", "cnn_mnist_b50", "lstm_b20",
]
MORE_MODES = ["brolga_jit", "tf1_session", "tf_function", "jax_jit", "torch_eager"]
# What a framework lacks, and what a mode changes nothing of.
NOT_IN = {
    "candle": ["resnet_small_b32", "rnn_b64"], "keras_fit": OPERATIONS, "tf1_session": OPERATIONS,
    "torch_eager_fused": [c for c in OPERATIONS if c != "adam_update"],
    "jax_jit_pool": [c for c in MODELS + OPERATIONS if "cnn" not in c],
}
# Seconds that a mode's steps are timed for.
SECONDS, QUICK_SECONDS = 2.0, 0.3
# A run during which others used more cores is done once more.
NOISY = 0.15
# Losses of the same step differ by less.
AGREES = 0.01
# The lock that the scripts of the other frameworks take, too.
LOCK = Path(tempfile.gettempdir(), "cpu.lock")


def arguments():
    a = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = lambda text: text.split(",")
    a.add_argument("--cases", type=listed, help="of " + ", ".join(MODELS + OPERATIONS + MORE))
    a.add_argument("--more", action="store_true", help="the cases of more/, with modes of Python")
    a.add_argument("--modes", type=listed, help="of " + ", ".join(MODES))
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--rounds", type=int, default=1, help="the fastest of so many runs counts")
    a.add_argument("--quick", action="store_true", help="short runs, and no page")
    a.add_argument("--shared", type=Path, default=ROOT.parent / "shared",
                   help="the folder that has peers/ (default: ../shared from the project's root)")
    a.add_argument("--environments", type=Path, metavar="DIR",
                   default=Path(os.environ.get("PEERS_HOME")
                                or Path(tempfile.gettempdir(), "peers")),
                   help="has the virtual environments tf, torch and jax (default: $PEERS_HOME)")
    a.add_argument("--brolga", type=Path, default=os.environ.get("BROLGA"), metavar="BINARY",
                   help="a built `brolga`, which is then not built (default: $BROLGA)")
    a.add_argument("--results", type=Path, help="the page to write (default: RESULTS.md)")
    a.add_argument("--raw", type=Path, help="a file that every result is added to as a line")
    a = a.parse_args()
    if a.more:
        a.cases, a.modes = a.cases or MORE, a.modes or MORE_MODES
        a.results = a.results or HERE / "RESULTS.more.md"
    every = MODELS + OPERATIONS + MORE
    for name, given, known in (("case", a.cases, every), ("mode", a.modes, MODES)):
        if unknown := set(given or []) - set(known):
            sys.exit(f"no {name} {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    a.peers, a.environments = a.shared.resolve() / "peers", a.environments.absolute()
    a.brolga = a.brolga and Path(a.brolga).resolve()
    if not (a.peers / "run.py").is_file():
        sys.exit(f"{a.peers} has no run.py: say with --shared where the shared folder is")
    return a


# ---------------------------------------------------------------- what there is
def built(folder, name, *options):
    """The path of a program after building it in its folder, or None."""
    if subprocess.run(["cargo", "build", "--release", *options], cwd=folder).returncode:
        return None
    about = subprocess.run(["cargo", "metadata", "--no-deps", "--format-version", "1"], cwd=folder,
                           capture_output=True, text=True, check=True)
    return Path(json.loads(about.stdout)["target_directory"], "release", name)


def python_with_numpy(a):
    """An interpreter that can make the inputs."""
    ours = (a.environments / e / "bin/python" for e in ("jax", "torch", "tf"))
    for python in [*ours, sys.executable]:
        try:
            if subprocess.run([python, "-c", "import numpy"], capture_output=True).returncode == 0:
                return str(python)
        except OSError:
            continue
    return None


def available(a):
    """The modes that can run, of those asked for; says which cannot, and why."""
    modes, missing, a.commit = list(a.modes or MODES), {}, ""
    for e in ("tf", "torch", "jax"):
        if not (a.environments / e / "bin/python").exists():
            missing[e] = f"no Python at {a.environments / e}/bin/python"
    frameworks = {MODES[m] for m in modes}
    if "brolga" in frameworks:
        a.commit = "" if a.brolga else commit()
        a.brolga = a.brolga or built(ROOT, "brolga", "-p", "brolga-cli")
        if not a.brolga or not a.brolga.exists():
            missing["brolga"] = f"there is no {a.brolga}" if a.brolga else "it does not build"
        elif "jax" in missing:
            missing["brolga"] = "peers/run.py runs it by the environment jax, which is missing"
    a.python = python_with_numpy(a)
    if "rust" in frameworks:
        a.rust = built(HERE / "rust", "brolga-peers")
        if not a.rust:
            missing["rust"] = "the program in rust/ does not build"
        elif not a.python:
            missing["rust"] = "no Python with numpy, which makes the inputs"
    for framework in sorted(frameworks & set(missing)):
        left_out = ", ".join(m for m in modes if MODES[m] == framework)
        say(f"{framework} is missing: {missing[framework]}; without {left_out}")
    return [m for m in modes if MODES[m] not in missing]


def merge(a, folder):
    """The shared folder's scripts and those of more/, which import them under other names."""
    for script in a.peers.glob("*.py"):
        base = script.name.replace("bench_", "base_").replace("common.py", "base_common.py")
        (folder / base).write_bytes(script.read_bytes())
    for script in (HERE / "more").glob("*.py"):
        (folder / script.name).write_bytes(script.read_bytes())
    (folder / "graphs").mkdir()
    for graph in [*(a.peers / "graphs").iterdir(), *(HERE / "more/graphs").iterdir()]:
        (folder / "graphs" / graph.name).write_bytes(graph.read_bytes())


# ---------------------------------------------------------------- running
def run_peers(a, case, mode, env):
    """A result of the shared folder's run.py, which takes the lock itself."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "result.jsonl")
        scripts = a.merged if case in MORE else a.peers
        call = [sys.executable, str(scripts / "run.py"), "--cases", case, "--modes", mode,
                "--threads", str(a.threads), "--retries", "0", "--out", str(out)]
        run = subprocess.run(call, env=env, capture_output=True, text=True)
        if not out.exists():
            return dict(status="error", stderr=run.stderr[-2000:])
        return json.loads(out.read_text().splitlines()[-1])


def run_brolga(a, case, mode, env):
    """As many steps as fill the time that the others' are timed for: `bench` counts steps."""
    if case not in OPERATIONS:
        first = run_peers(a, case, mode, dict(env, BROLGA_STEPS="40"))
        if first["status"] != "ok":
            return first
        steps = min(50_000, max(50, round(a.seconds * 1e3 / first["median_ms"])))
        env = dict(env, BROLGA_STEPS=str(steps))
    before = cpu_seconds()
    result = run_peers(a, case, mode, env)
    passed, busy, own = (now - then for now, then in zip(cpu_seconds(), before))
    return dict(result, other_cores=round(max(0.0, busy - own) / passed, 2))


def cpu_seconds():
    """Seconds on the clock, of the whole machine's cores, and of what this program has run."""
    with open("/proc/stat") as f:
        v = [int(x) / os.sysconf("SC_CLK_TCK") for x in f.readline().split()[1:9]]
    used = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own = sum(u.ru_utime + u.ru_stime for u in used)
    return time.monotonic(), sum(v) - v[3] - v[4] - v[7], own


def run_rust(a, case, mode, env):
    """A result of the program in rust/, on as many cores as threads."""
    cores = sorted(os.sched_getaffinity(0))[:a.threads]
    call = [str(a.rust), mode, case, "--threads", str(a.threads), "--json",
            "--inputs", str(a.inputs / f"{case}.safetensors")]
    with open(LOCK, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            run = subprocess.run(call, env=env, capture_output=True, text=True, timeout=300,
                                 preexec_fn=lambda: os.sched_setaffinity(0, cores))
        except subprocess.TimeoutExpired:
            return dict(status="timeout")
    if run.returncode:
        return dict(status="error", stderr=run.stderr[-2000:])
    return json.loads(run.stdout)


def run_once(a, case, mode):
    env = dict(os.environ, PEERS_HOME=str(a.environments), PEER_MIN_S=str(a.seconds),
               PYTHONDONTWRITEBYTECODE="1", BROLGA=str(a.brolga))
    run = dict(brolga=run_brolga, rust=run_rust).get(MODES[mode], run_peers)
    result = run(a, case, mode, env)
    if result.get("other_cores", 0) > NOISY and not a.quick:
        again = run(a, case, mode, env)
        if again.get("other_cores", 9) < result["other_cores"]:
            result = again
    result.update(case=case, mode=mode, threads=a.threads,
                  when=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    if a.raw:
        with open(a.raw, "a") as f:
            f.write(json.dumps(result) + "\n")
    time_of = f"{result['median_ms']:10.3f} ms" if result["status"] == "ok" else result["status"]
    say(f"{case:24} {mode:18} {time_of}")
    if result.get("stderr"):
        say(result["stderr"])
    return result


def run_all(a, cases, modes):
    """(case, mode) -> the fastest result; the modes of a case in turns."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as merged:
        a.inputs, a.merged = Path(folder), Path(merged)
        merge(a, a.merged)
        for case in cases:
            here = [m for m in modes if case not in NOT_IN.get(m, [])]
            if any(MODES[m] == "rust" for m in here):
                subprocess.run([a.python, str(HERE / "inputs.py"), "--peers", str(a.peers), "--out",
                                folder, case], check=True)
            for _ in range(a.rounds):
                for mode in here:
                    result = run_once(a, case, mode)
                    best = found.get((case, mode), result)
                    rank = lambda r: (r["status"] != "ok", r.get("median_ms", 0))
                    found[case, mode] = min(best, result, key=rank)
            for file in a.inputs.iterdir():
                file.unlink()
    return found


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---------------------------------------------------------------- the page
def number(ms):
    """Three digits, or more where they are whole milliseconds."""
    return f"{ms:.{max(0, min(3, 3 - len(str(int(ms))) if ms >= 1 else 3))}f}"


def cell(result):
    if result is None:
        return ""
    if result["status"] != "ok":
        return result["status"]
    return number(result["median_ms"]) + ("\\*" if result.get("other_cores", 0) > NOISY else "")


def table(found, cases, modes):
    """A line a case: Brolga, the best of the others, what part of its time Brolga takes; all."""
    peers = [m for m in modes if MODES[m] != "brolga"]
    head = ["case", "brolga_jit", "best peer", "its time", "Brolga's share of it", *peers]
    rules = ["---", "---:", "---", *["---:"] * (len(head) - 3)]
    rows = [f"| {' | '.join(line)} |" for line in (head, rules)]
    for case in cases:
        ours = found.get((case, "brolga_jit"))
        good = {m: r["median_ms"] for m in peers
                if (r := found.get((case, m))) and r["status"] == "ok"}
        best = min(good, key=good.get, default=None)
        line = [case, cell(ours), best or "", number(good[best]) if best else ""]
        both = best and ours and ours["status"] == "ok"
        line += [f"{ours['median_ms'] / good[best]:.0%}" if both else ""]
        line += [cell(found.get((case, m))) for m in peers]
        rows.append("| " + " | ".join(line) + " |")
    return "\n".join(rows)


def disagreements(found, cases, modes):
    """Losses of steps 1, 10 and 20 that are not the first mode's; random masks cannot agree."""
    lines = []
    for case in (c for c in cases if "dropout" not in c):
        kept = {m: r["loss_at"] for m in modes if (r := found.get((case, m))) and r.get("loss_at")}
        for step in ("1", "10", "20"):
            losses = {m: k[step] for m, k in kept.items() if step in k}
            first = next(iter(losses.values()), 0)
            others = {m: v for m, v in losses.items() if abs(v - first) > AGREES * abs(first)}
            lines += [f"- {case}, step {step}: {m} has {v:.6f}, {next(iter(losses))} {first:.6f}"
                      for m, v in others.items()]
    return "\n".join(lines) or "- none"


def rooflines(a, cases):
    """Of each model, what part of its step the machine would need at least, and of its longest kernels."""
    lines = []
    for case in (c for c in cases if c in MODELS + MORE):
        model, batch = case.rsplit("_b", 1)
        graph = HERE / "more/graphs" / f"{model}.graph"
        graph = graph if graph.exists() else a.peers / "graphs" / graph.name
        call = [str(a.brolga), "profile", str(graph), "--json",
                "--batch-size", batch, "--threads", str(a.threads)]
        run = subprocess.run(call, capture_output=True, text=True)
        if run.returncode:
            say(run.stderr[-2000:])
            continue
        profile = json.loads(run.stdout)
        kernels = sorted(profile["kernels"], key=lambda k: -k["ms"])
        least = sum(k["ms"] * (k["roofline"] or 0) for k in kernels)
        longest = (f"{k['share']:.0%} at {k['roofline'] or 0:.0%}" for k in kernels[:4])
        lines.append(f"| {case} | {least / profile['step_ms']:.0%} | {', '.join(longest)} |")
    head = "| case | of the roofline | its longest kernels: part of the step, of their roofline |"
    return "\n".join([head, "| --- | ---: | --- |", *lines])


def machine():
    info = Path("/proc/cpuinfo").read_text()
    fields = dict(reversed([[p.strip() for p in l.split(":", 1)]
                            for l in info.splitlines() if ":" in l]))
    flags = fields.get("flags", "").split()
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
    name = fields.get("model name", platform.machine())
    return f"{name} ({vectors}), {os.cpu_count()} cores"


def commit():
    run = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"],
                         capture_output=True, text=True)
    return f" (commit {run.stdout.strip()})" if run.returncode == 0 else ""


def page(a, found, modes):
    cases = list(dict.fromkeys(case for case, _ in found))
    versions = {}
    for result in found.values():
        versions.update(result.get("versions", {}))
    if ours := versions.get("brolga"):
        versions["brolga"] = ours.removeprefix("brolga ") + a.commit
    names = ", ".join(f"{n} {v}" for n, v in sorted(versions.items()))
    threads = f"{a.threads} thread" + "s" * (a.threads > 1)
    out = [f"""# Results, {time.strftime('%Y-%m-%d', time.gmtime())}

- Machine: {machine()}; {threads}.
- Versions: {names}.
- Measured: {' '.join(how(a).split())}
"""]
    for title, known in (("Models: milliseconds of a training step", MODELS + MORE),
                         ("Operations: milliseconds", OPERATIONS)):
        if here := [c for c in cases if c in known]:
            ran = [m for m in modes if any((c, m) in found for c in here)]
            out.append(f"## {title}\n\n{table(found, here, ran)}\n")
    out.append(f"## Losses that differ by more than {AGREES:.0%}\n\n"
               f"{disagreements(found, cases, modes)}\n\n"
               + "".join(f"{text}\n" for case, text in WHY.items() if case in cases))
    if "brolga_jit" in modes:
        out.append(f"## Where Brolga's steps are against the machine's limits\n\n"
                   f"By `brolga profile`: what the operations and the bytes of the kernels would take "
                   f"at least, as part of the step.\n\n{rooflines(a, cases)}\n")
    out.append(f"`*`: others used more than {NOISY} cores while it was timed. Empty: the framework "
               "lacks it, or it was not run; see README.md.")
    return "\n".join(out)


def how(a):
    rounds = f", {a.rounds} times, and the fastest run counts" if a.rounds > 1 else ""
    return f"""each cell is the median of single steps over at least {a.seconds:g} s after 20 of
        warm-up, each awaited, in a process of its own on as many cores as threads; the modes of a
        case ran one after another{rounds}. Brolga's `bench` counts steps: as many as fill that
        time, of single operations 100."""


def main():
    a = arguments()
    a.seconds = QUICK_SECONDS if a.quick else SECONDS
    modes = available(a)
    if not modes:
        sys.exit("nothing to run")
    text = page(a, run_all(a, a.cases or (QUICK if a.quick else MODELS + OPERATIONS), modes), modes)
    print(text)
    if a.results or not a.quick:
        (a.results or HERE / "RESULTS.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
