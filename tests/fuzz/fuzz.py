"""usage: fuzz.py PROGRAM CORPUS: lets libFuzzer look for ANABRANCH_FUZZ_SECONDS (10), beginning with the kept corpus.

What it finds new is thrown away, but for an input that fails: its path is printed."""
import os
import subprocess
import sys
import tempfile

program, corpus = sys.argv[1:3]
seconds = os.environ.get("ANABRANCH_FUZZ_SECONDS", "10")
with tempfile.TemporaryDirectory(prefix="anabranch-fuzz-") as folder:
    flags = [f"-max_total_time={seconds}", "-timeout=20", "-max_len=4096", "-rss_limit_mb=3000"]
    flags += ["-print_final_stats=1", "-artifact_prefix=" + tempfile.gettempdir() + "/anabranch-fuzz-failed-"]
    done = subprocess.run([program, *flags, folder, corpus], stdin=subprocess.DEVNULL, check=False)
sys.exit(done.returncode)
