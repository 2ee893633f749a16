#include "node/io/checkpoint.h"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/support/files.h"

using namespace anabranch;
using namespace anabranch::io;

namespace {

struct Answers {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<Result<void>> all;
    std::function<void(Result<void>)> callback() {
        return [this](Result<void> done) {
            const std::lock_guard lock(mutex);
            all.push_back(std::move(done));
            changed.notify_all();
        };
    }
    Result<void> wait(std::size_t count) {
        std::unique_lock lock(mutex);
        REQUIRE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return all.size() >= count; }));
        return all[count - 1];
    }
};

void write(const std::string& directory, const std::vector<Bytes>& parts, std::uint64_t begin,
           std::uint64_t end) {
    Answers answers;
    CheckpointWriter writer(directory, answers.callback());
    writer.begin();
    for (const auto& part : parts) writer.add(part);
    writer.finish(begin, end);
    REQUIRE(answers.wait(parts.size() + 1).has_value());
}

std::vector<Bytes> read(const CheckpointInfo& info) {
    std::vector<Bytes> out;
    REQUIRE(read_checkpoint(info, [&](BytesView part) {
                out.emplace_back(part);
                return Result<void>();
            }).has_value());
    return out;
}

}  // namespace

TEST_CASE("the newest finished checkpoint is found, with its parts and its place in the log") {
    const test::TempFolder folder;
    CHECK(!find_checkpoint(folder.path() + "/none")->has_value());
    const std::vector<Bytes> first{"head", Bytes(100'000, 'x')}, second{"other", "", "end"};
    write(folder.path(), first, 7, 9);
    write(folder.path(), second, 300, 310);
    const auto found = find_checkpoint(folder.path());
    REQUIRE(found.has_value());
    REQUIRE(found->has_value());
    CHECK((*found)->begin == 300);
    CHECK((*found)->end == 310);
    CHECK(read(**found) == second);
}

TEST_CASE("a checkpoint that was never finished does not count") {
    const test::TempFolder folder;
    write(folder.path(), {"whole"}, 7, 9);
    {
        Answers answers;
        CheckpointWriter writer(folder.path(), answers.callback());
        writer.begin();
        writer.add("half");
        REQUIRE(answers.wait(1).has_value());
    }
    const auto found = find_checkpoint(folder.path());
    REQUIRE(found->has_value());
    CHECK((*found)->begin == 7);
    CHECK_FALSE(std::filesystem::exists(folder.path() + "/unfinished"));
}

TEST_CASE("large parts are compressed on disk and come back as they were") {
    const test::TempFolder folder;
    Bytes rows;
    for (int i = 0; i < 20'000; ++i) rows += "row " + std::to_string(i % 100);
    const std::vector<Bytes> parts{"head", rows, Bytes(20'000, 'x'), "end"};
    write(folder.path(), parts, 7, 9);
    const auto found = find_checkpoint(folder.path());
    REQUIRE(found.has_value());
    CHECK((*found)->bytes < rows.size() / 4);
    CHECK(read(**found) == parts);
    // Every flipped bit is noticed in them, too.
    const Bytes whole = *read_file((*found)->path);
    for (std::size_t at = 0; at < whole.size(); at += 7) {
        Bytes bytes = whole;
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
        std::ofstream((*found)->path, std::ios::binary | std::ios::trunc) << bytes;
        CAPTURE(at);
        CHECK_FALSE(find_checkpoint(folder.path()).has_value());
    }
}

TEST_CASE("each flipped bit of a checkpoint, and each cut of it, is noticed before a part is handed out") {
    const test::TempFolder folder;
    write(folder.path(), {"head", Bytes(200, 'x'), "end"}, 7, 9);
    const auto path = (*find_checkpoint(folder.path()))->path;
    const Bytes whole = *read_file(path);
    const auto put = [&](const Bytes& bytes) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    };
    for (std::size_t at = 0; at < whole.size(); ++at) {
        Bytes bytes = whole;
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
        put(bytes);
        CAPTURE(at);
        CHECK_FALSE(find_checkpoint(folder.path()).has_value());
        put(whole.substr(0, at));
        CHECK_FALSE(find_checkpoint(folder.path()).has_value());
    }
    put(whole);
    CHECK(find_checkpoint(folder.path()).has_value());
}

TEST_CASE("a checkpoint of another format version is refused by name, not taken for damage") {
    const test::TempFolder folder;
    write(folder.path(), {"head", "end"}, 7, 9);
    const auto path = (*find_checkpoint(folder.path()))->path;
    Bytes bytes = *read_file(path);
    for (const char version : {char{1}, char{3}}) {
        bytes[8] = version;
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
        const auto found = find_checkpoint(folder.path());
        REQUIRE_FALSE(found.has_value());
        CHECK(found.error().sqlstate == "0A000");
        CHECK(found.error().message.find("format version " + std::to_string(version) +
                                         "; this program reads version 2") != std::string::npos);
    }
}

TEST_CASE("a checkpoint that cannot be written says so once, and the next one works") {
    const test::TempFolder folder;
    const std::string path = folder.path() + "/checkpoint";
    std::ofstream(path) << "a file where the folder should be";
    Answers answers;
    CheckpointWriter writer(path, answers.callback());
    writer.begin();
    writer.add("head");
    CHECK_FALSE(answers.wait(1).has_value());
    std::filesystem::remove(path);
    writer.begin();
    writer.add("head");
    CHECK(answers.wait(2).has_value());
    writer.finish(1, 1);
    CHECK(answers.wait(3).has_value());
    CHECK(answers.all.size() == 3);
}
