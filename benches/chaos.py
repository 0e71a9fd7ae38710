#!/usr/bin/env python3
"""Kills, races and lost answers, against an AWS that is slow, lists late, and goes on when nobody listens (tests/aws/).

    chaos.py kills --runs 200     a run is killed at a random moment; after one clean run everything is true
    chaos.py races --runs 40      publishes, clean-ups and functions at once; what a run hands out stays
    chaos.py lost                 each request of each command loses its answer, in each way
    chaos.py lost --only 17       one case alone; `kills --seed 4711 --runs 1` one run

Prints Markdown. Exit code 1: something was doubled, dangling, untrue, or handed out and gone; the folder of each such run stays
in target/chaos. How to run it and what the table means: benches/README.md.
"""

import argparse
import concurrent.futures
import os
import shutil
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def find_tools():
    """Goes on in the Python that has moto, boto3 and uv: that of the tests, or that of the other benchmarks."""
    for folder in (*sorted(ROOT.glob("target/test-tools/*")), ROOT / "target/bench-tools"):
        if (folder / "bin/moto_server").exists() and (folder / "bin/uv").exists():
            if Path(sys.prefix) != folder:
                os.execv(folder / "bin/python3", [str(folder / "bin/python3"), *sys.argv])
            return
    sys.exit("there is no moto: run `cargo test --test integration -- aws::` or `benches/peers.py` once, which install it")


def say(text):
    print(text, file=sys.stderr, flush=True)


def attempt(campaign, program, folder, case):
    """One run: its row, which has `bad`, a list of what was wrong, and figures to sum up."""
    started = time.monotonic()
    folder.mkdir(parents=True)
    try:
        row = campaign.run(program, folder, case)
    except Exception:
        row = {"bad": [f"the campaign itself failed: {traceback.format_exc()[-2000:]}"]}
    row |= {"case": case, "seconds": time.monotonic() - started}
    if row["bad"]:
        (folder / "bad.txt").write_text("".join(f"{line}\n" for line in row["bad"]))
        say(f"✗ {campaign.name(case)}, see {folder}")
        for line in row["bad"]:
            say(f"    {line}")
    else:
        shutil.rmtree(folder)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", choices=["kills", "races", "lost"])
    parser.add_argument("--runs", type=int, help="how many; all of `lost` when omitted, else 20")
    parser.add_argument("--seed", type=int, default=1, help="of the first run; each further one has the next")
    parser.add_argument("--jobs", type=int, default=4, help="runs side by side; they wait most of their time")
    parser.add_argument("--only", type=int, action="append", help="numbers of cases of `lost`")
    parser.add_argument("--sample", type=int, help="so many cases of `lost`, spread over all of them by --seed")
    parser.add_argument("--program", type=Path, default=ROOT / "target/debug/lambda-layer")
    parser.add_argument("--folder", type=Path, default=ROOT / "target/chaos")
    arguments = parser.parse_args()
    program = arguments.program.resolve()
    if not program.exists():
        sys.exit(f"there is no {program}: `cargo build`, or --program")
    from chaos import kills, lost, races

    campaign = {"kills": kills, "races": races, "lost": lost}[arguments.campaign]
    folder = arguments.folder.resolve() / arguments.campaign
    shutil.rmtree(folder, ignore_errors=True)
    cases = campaign.cases(program, folder / "reference", arguments)
    shutil.rmtree(folder / "reference", ignore_errors=True)
    say(f"{arguments.campaign}: {len(cases)} runs, {arguments.jobs} at a time")
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        jobs = [pool.submit(attempt, campaign, program, folder / str(number), case) for number, case in cases]
        rows = []
        for done in concurrent.futures.as_completed(jobs):
            rows.append(done.result())
            if len(rows) % 10 == 0:
                say(f"{len(rows)} of {len(cases)}, {sum(bool(row['bad']) for row in rows)} bad")
    bad = [row for row in rows if row["bad"]]
    print(f"## `chaos.py {arguments.campaign}`: {len(rows)} runs, {len(bad)} bad\n")
    campaign.table(rows)
    for row in sorted(bad, key=lambda row: campaign.name(row["case"])):
        print(f"- {campaign.name(row['case'])}: {'; '.join(row['bad'])}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    find_tools()
    main()
