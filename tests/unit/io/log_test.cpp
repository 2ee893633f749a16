#include "node/io/log.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <catch2/catch.hpp>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <vector>

#include "node/io/file.h"
#include "tests/support/files.h"
#include "tests/support/property.h"

using namespace anabranch;
using namespace anabranch::io;

namespace {

LogOptions small{4096};

// Every fact holds whether the log goes through the page cache or not.
struct EitherWay {
    EitherWay() { small.direct = GENERATE(true, false); }
    ~EitherWay() { small = {4096}; }
};

// Waits on the helper thread's reports.
struct Durable {
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t ticket = 0;
    LogCallbacks callbacks() {
        return {[this](std::uint64_t t) {
                    const std::lock_guard lock(mutex);
                    ticket = t;
                    changed.notify_all();
                },
                {},
                {}};
    }
    void wait(std::uint64_t until) {
        std::unique_lock lock(mutex);
        REQUIRE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return ticket >= until; }));
    }
};

struct Read {
    std::vector<Bytes> records;
    LogRecovery recovery;
    Result<void> result;
    std::unique_ptr<Log> log;
};
Read read(const std::string& directory) {
    Read out;
    auto keep = [&](std::uint64_t, BytesView record) -> Result<void> {
        out.records.emplace_back(record);
        return {};
    };
    auto log = Log::open(directory, small, keep, out.recovery);
    if (log)
        out.log = std::move(*log);
    else
        out.result = std::unexpected(log.error());
    return out;
}
void write(const std::string& directory, const std::vector<Bytes>& records, std::size_t batch = 3) {
    auto opened = read(directory);
    REQUIRE(opened.result.has_value());
    Durable durable;
    opened.log->start(durable.callbacks());
    for (std::size_t i = 0; i < records.size(); ++i) {
        opened.log->append(i + 1, records[i]);
        if ((i + 1) % batch == 0 || i + 1 == records.size()) {
            opened.log->flush();
            durable.wait(i + 1);
        }
    }
}
std::vector<Bytes> numbered(std::size_t count, std::size_t size = 100) {
    std::vector<Bytes> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(std::to_string(i) + ":" + Bytes(size, 'x'));
    return out;
}
std::vector<std::string> segments(const std::string& directory) {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        if (entry.path().extension() == ".seg") out.push_back(entry.path().string());
    std::sort(out.begin(), out.end());
    return out;
}
void damage(const std::string& path, const std::string& needle, char with) {
    Bytes bytes = *read_file(path);
    const auto at = bytes.find(needle);
    REQUIRE(at != Bytes::npos);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(with);
}

// As if the last sync had never ended.
void erase_mark(const std::string& path) {
    Bytes bytes = *read_file(path);
    const auto end = bytes.find_last_not_of('\0');
    REQUIRE(end != Bytes::npos);
    bytes.resize(end + 1 - (end + 1 >= 32 ? 32 : 0));
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace

TEST_CASE_METHOD(EitherWay, "a record that may wait is not hurried by who waited for earlier ones") {
    const test::TempFolder folder;
    auto opened = read(folder.path());
    Durable durable;
    opened.log->start(durable.callbacks());
    opened.log->hurry();  // there is nothing
    opened.log->append(1, "patient", true);
    opened.log->flush();
    CHECK(opened.log->waits());
    opened.log->hurry();
    opened.log->flush();
    CHECK_FALSE(opened.log->waits());
    durable.wait(1);
}

TEST_CASE_METHOD(EitherWay, "what was durable is replayed in order, over several segments and restarts") {
    const test::TempFolder folder;
    const auto records = numbered(100);
    write(folder.path(), {records.begin(), records.begin() + 60});
    write(folder.path(), {records.begin() + 60, records.end()});
    const auto again = read(folder.path());
    REQUIRE(again.result.has_value());
    CHECK(again.records == records);
    CHECK_FALSE(again.recovery.tail_cut);
    CHECK(segments(folder.path()).size() > 2);
}

TEST_CASE_METHOD(EitherWay, "a record larger than a segment gets a segment of its own") {
    const test::TempFolder folder;
    const std::vector<Bytes> records{"small", Bytes(20'000, 'y'), "after"};
    write(folder.path(), records, 1);
    CHECK(read(folder.path()).records == records);
}

TEST_CASE_METHOD(
    EitherWay,
    "record_larger_than_the_disk: it waits for room, nothing before it is lost, and the log does not fail") {
    const test::TempFolder folder;
    const char* path = folder.path().c_str();
    if (::mount("tmpfs", path, "tmpfs", 0, "size=64k") != 0) {
        WARN("skipped: cannot mount a small file system here");
        return;
    }
    const std::vector<Bytes> records{"small", Bytes(200'000, 'y'), "after"};
    {
        auto opened = read(folder.path());
        REQUIRE(opened.result.has_value());
        Durable durable;
        auto callbacks = durable.callbacks();
        bool full = false, failed = false;
        callbacks.space = [&](bool available) {
            const std::lock_guard lock(durable.mutex);
            full = full || !available;
            durable.changed.notify_all();
        };
        callbacks.failed = [&](const Error&) {
            const std::lock_guard lock(durable.mutex);
            failed = true;
        };
        opened.log->start(callbacks);
        opened.log->append(1, records[0]);
        opened.log->flush();
        durable.wait(1);
        CHECK(opened.log->free_bytes() < 64 << 10);
        opened.log->append(2, records[1]);
        opened.log->append(3, records[2]);
        opened.log->flush();
        {
            std::unique_lock lock(durable.mutex);
            CHECK(durable.changed.wait_for(lock, std::chrono::seconds(20), [&] { return full; }));
            CHECK(durable.ticket == 1);
        }
        REQUIRE(::mount("tmpfs", path, "tmpfs", MS_REMOUNT, "size=4m") == 0);
        durable.wait(3);
        CHECK_FALSE(failed);
        CHECK(opened.log->has_space());
    }
    CHECK(read(folder.path()).records == records);
    ::umount2(path, MNT_DETACH);
}

TEST_CASE_METHOD(EitherWay, "the log goes past the page cache where it may and the file system can") {
    const test::TempFolder folder;
    const auto probe = folder.path() + "/probe";
    std::ofstream(probe) << "x";
    auto opened = read(folder.path());
    Durable durable;
    opened.log->start(durable.callbacks());
    opened.log->append(1, "record");
    opened.log->flush();
    durable.wait(1);
    std::vector<int> flags;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        const auto target = std::filesystem::read_symlink(entry.path(), gone);
        if (!gone && target.extension() == ".seg" && target.string().starts_with(folder.path()))
            flags.push_back(::fcntl(std::stoi(entry.path().filename().string()), F_GETFL));
    }
    REQUIRE(flags.size() == 1);
    CHECK(((flags[0] & O_DIRECT) != 0) == (small.direct && takes_direct_writes(probe)));
}

TEST_CASE_METHOD(EitherWay,
                 "records of any size, in batches of any size, are read back as they were written") {
    test::for_seeds(20, [](Random& random) {
        const test::TempFolder folder;
        std::vector<Bytes> records;
        for (std::size_t i = 0; i < 40; ++i) {
            const std::size_t most = random.chance(0.2) ? 12'000 : 300;
            records.emplace_back(1 + random.below(most), static_cast<char>('a' + i % 26));
        }
        small.segment_bytes = std::size_t{4096} << random.below(4);
        write(folder.path(), records, 1 + random.below(8));
        const auto again = read(folder.path());
        CHECK(again.records == records);
        CHECK_FALSE(again.recovery.tail_cut);
    });
}

TEST_CASE_METHOD(EitherWay, "a torn tail is cut and the log goes on behind what was whole") {
    const test::TempFolder folder;
    const auto records = numbered(6);
    write(folder.path(), records, 6);  // one batch: nothing in it says that the others were durable
    erase_mark(segments(folder.path()).back());
    damage(segments(folder.path()).back(), "4:xx", '#');
    const auto cut = read(folder.path());
    REQUIRE(cut.result.has_value());
    CHECK(cut.recovery.tail_cut);
    CHECK(cut.records == std::vector<Bytes>(records.begin(), records.begin() + 4));
    write(folder.path(), {"next"});
    const auto again = read(folder.path());
    CHECK(again.records.size() == 5);
    CHECK(again.records.back() == "next");
}

TEST_CASE_METHOD(EitherWay, "a damaged record in front of acknowledged ones is refused, not cut") {
    const test::TempFolder folder;
    write(folder.path(), numbered(12), 2);
    damage(segments(folder.path()).front(), "3:xx", '#');
    const auto refused = read(folder.path());
    REQUIRE_FALSE(refused.result.has_value());
    CHECK(refused.result.error().sqlstate == sqlstate::io_error);
    CHECK(refused.result.error().message.find("damaged") != std::string::npos);
    CHECK_FALSE(refused.result.error().hint.empty());
}

TEST_CASE_METHOD(EitherWay, "a log of another format version is refused by name, not taken for damage") {
    const test::TempFolder folder;
    write(folder.path(), numbered(3));
    const auto path = segments(folder.path()).front();
    const Bytes whole = *read_file(path);
    for (const char other : {char{1}, char{3}}) {
        Bytes bytes = whole;
        bytes[8] = other;
        Bytes sum;
        ByteWriter(sum).u64(hash64(BytesView(bytes).substr(0, 24)));
        bytes.replace(24, 8, sum);
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
        const auto back = read(folder.path());
        REQUIRE_FALSE(back.result.has_value());
        CHECK(back.result.error().sqlstate == "0A000");
        CHECK(back.result.error().message.find("format version " + std::to_string(other) +
                                               "; this program reads version 2") != std::string::npos);
    }
}

TEST_CASE_METHOD(EitherWay, "a missing segment in the middle is refused") {
    const test::TempFolder folder;
    write(folder.path(), numbered(100));
    const auto paths = segments(folder.path());
    REQUIRE(paths.size() > 2);
    std::filesystem::remove(paths[1]);
    CHECK_FALSE(read(folder.path()).result.has_value());
}

TEST_CASE_METHOD(EitherWay, "cutting a log at any byte yields a prefix of its records") {
    const test::TempFolder folder;
    const auto records = numbered(8, 20);
    write(folder.path(), records, 8);
    const auto path = segments(folder.path()).back();
    const Bytes whole = *read_file(path);
    for (std::size_t size = 0; size < 700; size += 7) {
        const test::TempFolder copy;
        const auto name = copy.path() + "/" + std::filesystem::path(path).filename().string();
        std::ofstream(name, std::ios::binary).write(whole.data(), static_cast<std::streamsize>(size));
        const auto cut = read(copy.path());
        REQUIRE(cut.result.has_value());
        REQUIRE(cut.records.size() <= records.size());
        CHECK(std::equal(cut.records.begin(), cut.records.end(), records.begin()));
    }
}

TEST_CASE_METHOD(
    EitherWay,
    "no flipped bit in anything that was acknowledged is passed over: the log is whole or refused") {
    const test::TempFolder folder;
    const auto records = numbered(6, 20);
    write(folder.path(), records, 6);
    const auto path = segments(folder.path()).front();
    const Bytes whole = *read_file(path);
    const auto used = whole.find_last_not_of('\0') + 1;
    std::size_t refusals = 0;
    for (std::size_t at = 0; at < used; ++at) {
        Bytes bytes = whole;
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
        std::vector<Bytes> found;
        LogRecovery recovery;
        const auto end = read_log(
            folder.path(), small,
            [&](std::uint64_t, BytesView record) -> Result<void> {
                found.emplace_back(record);
                return {};
            },
            recovery);
        CAPTURE(at);
        if (!end) {
            ++refusals;
            CHECK_THAT(end.error().message, Catch::Contains(path) && Catch::Contains("at byte"));
            CHECK_THAT(end.error().hint, Catch::Contains("--salvage"));
        } else {
            CHECK(found == records);  // the mark itself: nothing is lost with it
        }
    }
    CHECK(refusals == used - 32);
}

TEST_CASE_METHOD(EitherWay, "a flipped bit in the last record is found after a restart that wrote nothing") {
    const test::TempFolder folder;
    write(folder.path(), numbered(5));
    (void)read(folder.path());
    damage(segments(folder.path()).back(), "4:xx", '#');
    const auto refused = read(folder.path());
    REQUIRE_FALSE(refused.result.has_value());
    CHECK_THAT(refused.result.error().message, Catch::Contains("record 5 at byte"));
}

TEST_CASE_METHOD(EitherWay, "a damaged log can be read up to its damage, which is named") {
    const test::TempFolder folder;
    const auto records = numbered(12);
    write(folder.path(), records, 2);
    damage(segments(folder.path()).front(), "7:xx", '#');
    LogOptions options = small;
    options.up_to_damage = true;
    std::vector<Bytes> found;
    LogRecovery recovery;
    const auto end = read_log(
        folder.path(), options,
        [&](std::uint64_t, BytesView record) -> Result<void> {
            found.emplace_back(record);
            return {};
        },
        recovery);
    REQUIRE(end.has_value());
    REQUIRE(end->damage.has_value());
    CHECK_THAT(end->damage->message, Catch::Contains("record 8 at byte"));
    CHECK(found == std::vector<Bytes>(records.begin(), records.begin() + 7));
}

TEST_CASE_METHOD(EitherWay, "flipped bits never yield a record that was not written") {
    test::for_seeds(30, [](Random& random) {
        const test::TempFolder folder;
        const auto records = numbered(10, 30);
        write(folder.path(), records, 1 + random.below(10));
        const auto path = segments(folder.path()).front();
        Bytes bytes = *read_file(path);
        const auto at = random.below(600);
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
        std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        const auto after = read(folder.path());
        REQUIRE(after.records.size() <= records.size());
        CHECK(std::equal(after.records.begin(), after.records.end(), records.begin()));
    });
}

TEST_CASE_METHOD(EitherWay,
                 "a truncated log goes on from where it was, and lacks nothing behind that place") {
    const test::TempFolder folder;
    const auto records = numbered(200);
    {
        auto opened = read(folder.path());
        Durable durable;
        opened.log->start(durable.callbacks());
        for (std::size_t i = 0; i < records.size(); ++i) {
            opened.log->append(i + 1, records[i]);
            opened.log->flush();
            durable.wait(i + 1);
            if (i % 20 == 19) opened.log->truncate(i - 5);
        }
    }
    CHECK(segments(folder.path()).size() < 4);
    Read again;
    std::uint64_t first = 0;
    LogOptions options = small;
    options.first = options.last = 194;
    auto log = Log::open(
        folder.path(), options,
        [&](std::uint64_t lsn, BytesView record) -> Result<void> {
            if (first == 0) first = lsn;
            CHECK(record == records[lsn - 1]);
            return {};
        },
        again.recovery);
    REQUIRE(log.has_value());
    CHECK(first > 1);
    CHECK(first <= 194);
    CHECK((*log)->next_lsn() == 201);
    CHECK_FALSE(again.recovery.tail_cut);
}

TEST_CASE_METHOD(EitherWay, "a log that begins after, or ends before, what the checkpoint needs is refused") {
    const test::TempFolder folder;
    write(folder.path(), numbered(100), 1);
    const auto open = [&](std::uint64_t first, std::uint64_t last) {
        LogOptions options = small;
        options.first = first;
        options.last = last;
        LogRecovery recovery;
        auto log = Log::open(
            folder.path(), options, [](std::uint64_t, BytesView) { return Result<void>(); }, recovery);
        return log ? std::string() : log.error().message;
    };
    CHECK_THAT(open(50, 101), Catch::Contains("ends with record 100, record 101"));
    CHECK(open(50, 100) == "");
    std::filesystem::remove(segments(folder.path()).front());
    CHECK_THAT(open(1, 0), Catch::Contains("record 1 is needed"));
}
