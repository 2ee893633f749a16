#!/usr/bin/env python3
"""The pure rooms ask the outside world for nothing: nm over their objects shows no such symbol.

usage: purity.py ROOM=ARCHIVE...
Virtual time, seeds and bytes come in as arguments; that is what makes the simulator and the replays exact.
"""
import re
import subprocess
import sys

CLOCK = "take `now` as an argument (lib/base/time.h)"
ENTROPY = "take a Random (lib/base/random.h) or the value itself as an argument"
THREAD = "stay single-threaded; node/io owns the threads"
FILE = "return bytes or outputs; node/io reads and writes"
SOCKET = "return messages as outputs; node/io sends them"
PROCESS = "take the setting as an argument; only main knows the process"

# Whole names of C functions.
FORBIDDEN_C = {
    CLOCK: """time clock clock_gettime clock_getres gettimeofday timespec_get localtime localtime_r gmtime
        gmtime_r mktime strftime nanosleep usleep sleep clock_nanosleep timer_create timerfd_create alarm""",
    ENTROPY: "rand srand rand_r random srandom drand48 getrandom getentropy arc4random uuid_generate",
    THREAD: """pthread_create pthread_join pthread_mutex_lock pthread_mutex_unlock pthread_cond_wait
        pthread_rwlock_rdlock pthread_rwlock_wrlock sched_yield fork vfork clone""",
    FILE: """open open64 openat openat64 creat fopen fopen64 freopen fdopen fread fwrite fgets fputs
        fputc putc puts putchar printf fprintf vprintf vfprintf fflush read write pread pread64 pwrite
        pwrite64 readv writev close fsync fdatasync ftruncate ftruncate64 rename unlink mkdir rmdir opendir
        readdir stat stat64 lstat fstat mmap mmap64 mkstemp mkstemp64 tmpfile stdin stdout stderr
        __printf_chk __fprintf_chk __vfprintf_chk perror""",
    SOCKET: """socket bind connect listen accept accept4 send sendto sendmsg recv recvfrom recvmsg poll ppoll
        select epoll_create1 epoll_ctl epoll_wait getaddrinfo gethostname gethostbyname io_uring_setup
        io_uring_queue_init""",
    PROCESS: """getenv secure_getenv setenv system execve execvp popen signal sigaction raise kill getpid exit
        _exit quick_exit setlocale uselocale getpwuid getuid isatty""",
}
# Beginnings of demangled C++ names.
FORBIDDEN_CPP = {
    CLOCK: r"std::chrono::.*::now\(|std::this_thread::sleep|std::chrono::.*(locate_zone|current_zone)",
    ENTROPY: r"std::random_device",
    THREAD: r"std::thread|std::(_V2::)?condition_variable|std::jthread|std::__atomic_futex|std::this_thread"
            r"|std::mutex",
    FILE: r"std::(__cxx11::)?basic_(i|o)?(fstream|filebuf)|std::filesystem|std::c(out|err|in|log)\b"
          r"|std::ios_base::Init",
    PROCESS: r"std::locale::global|std::locale::locale\(char",
}
# (room, object, symbol, why it may stay)
ALLOWED = [
    ("lib/base", "check.cpp.o", "fprintf", "a failed CHECK says what failed before it stops the process"),
    ("lib/base", "check.cpp.o", "fflush", "same"),
    ("lib/base", "check.cpp.o", "stderr", "same"),
    ("lib/base", "check.cpp.o", "__fprintf_chk", "same"),
    ("lib/sql", "numeric.cpp.o", "std::ios_base::Init::Init()", "Boost.Multiprecision includes <iostream>"),
    ("lib/sql", "numeric.cpp.o", "std::ios_base::Init::~Init()", "same"),
]
C_NAMES = {name: way_out for way_out, names in FORBIDDEN_C.items() for name in names.split()}
UNDEFINED = re.compile(r"^(?P<object>\S.*?):\s+[Uw] (?P<symbol>.+?)(\t(?P<place>\S+))?$")


def verdict(symbol):
    name = symbol.split("@")[0]
    if name in C_NAMES:
        return C_NAMES[name]
    for way_out, pattern in FORBIDDEN_CPP.items():
        if re.match(pattern, name):
            return way_out
    return None


def symbols(archive, with_lines=False):
    command = ["nm", "-uCA"] + (["-l"] if with_lines else []) + [archive]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"nm cannot read {archive}: {result.stderr.strip()}")
    for line in result.stdout.splitlines():
        match = UNDEFINED.match(line)
        if match:
            yield match


def check(room, archive):
    allowed = {(obj, symbol) for where, obj, symbol, _ in ALLOWED if where == room}

    def bad(match):
        leaf = re.split(r"[:/]", match["object"])[-1]
        return verdict(match["symbol"]) and (leaf, match["symbol"].split("@")[0]) not in allowed

    count = 0
    wrong = False
    for match in symbols(archive):
        count += 1
        wrong = wrong or bad(match)
    found = 0
    if wrong:
        for match in filter(bad, symbols(archive, with_lines=True)):
            found += 1
            place = match["place"] or re.split(r"[:]", match["object"])[-1]
            print(f"{place}: {room} uses {match['symbol']}\n    {verdict(match['symbol'])}")
    return count, found


def main():
    count = found = 0
    for argument in sys.argv[1:]:
        room, archive = argument.split("=", 1)
        here, wrong = check(room, archive)
        count += here
        found += wrong
    if found:
        sys.exit(f"{found} finding(s)")
    if count == 0:
        sys.exit("purity.py: no symbols read: nothing was checked")
    print(f"{count} symbols of {len(sys.argv) - 1} rooms: no clock, entropy, thread, socket, file or process")


main()
