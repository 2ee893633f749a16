#include "node/io/backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include "node/io/file.h"
#include "node/io/log.h"
#include "node/io/log_format.h"

namespace anabranch::io {

namespace {

namespace fs = std::filesystem;

constexpr int attempts = 20;
constexpr auto pause_between = std::chrono::milliseconds(100);

// What is copied must be on the source's disk too: a crash there must not forget a delta that is here.
Result<void> copy_file(const std::string& from, const std::string& to) {
    TRY(const auto source, open_file(from, O_RDONLY));
    TRY(const auto target, open_file(to, O_WRONLY | O_CREAT | O_TRUNC));
    Bytes buffer(std::size_t{1} << 20, '\0');
    for (std::uint64_t at = 0;;) {
        const auto n = ::pread(source.get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(file_error("read", from, errno));
        if (n == 0) break;
        const BytesView bytes(buffer.data(), static_cast<std::size_t>(n));
        TRY_VOID(write_at(target.get(), bytes, at, to));
        at += bytes.size();
    }
    TRY_VOID(sync_data(source.get(), from));
    return sync_data(target.get(), to);
}

Result<void> copy_folder(const std::string& from, const std::string& to, const std::string& suffix) {
    std::error_code code;
    fs::remove_all(to, code);
    TRY_VOID(make_directory(to));
    if (!fs::exists(from)) return {};
    for (const auto& entry : fs::directory_iterator(from, code))
        if (entry.path().extension() == suffix)
            TRY_VOID(copy_file(entry.path().string(), to + "/" + entry.path().filename().string()));
    if (code) return fail(file_error("read directory", from, code.value()));
    return sync_directory(to);
}

Result<void> must_be_empty(const std::string& path) {
    std::error_code code;
    if (!fs::exists(path, code) || fs::is_empty(path, code)) return {};
    return fail(Error::make(sqlstate::object_not_in_prerequisite_state, path + " is not empty")
                    .with_hint("Name a directory that does not exist yet."));
}

LogOptions behind(const std::optional<CheckpointInfo>& checkpoint) {
    LogOptions out;
    if (checkpoint) {
        out.first = checkpoint->begin;
        out.last = checkpoint->end;
    }
    return out;
}

// The checkpoint first: the log behind it is never given up before a newer one is there.
Result<void> copy_stored(const std::string& from, const std::string& to) {
    TRY_VOID(copy_folder(from + "/checkpoint", to + "/checkpoint", ".ckpt"));
    return copy_folder(from + "/log", to + "/log", ".seg");
}

Result<StoredState> read_files(const std::string& directory, bool up_to_damage, PartVisitor part,
                               LogRecordVisitor record) {
    StoredState out;
    auto checkpoint = find_checkpoint(directory + "/checkpoint");
    if (!checkpoint && !up_to_damage) return std::unexpected(checkpoint.error());
    if (checkpoint) out.checkpoint = std::move(*checkpoint);
    if (out.checkpoint) TRY_VOID(read_checkpoint(*out.checkpoint, part));
    LogOptions options = behind(out.checkpoint);
    options.up_to_damage = up_to_damage;
    TRY(out.end, read_log(directory + "/log", options, record, out.log));
    return out;
}

constexpr auto ignore_part = [](BytesView) { return Result<void>(); };
constexpr auto ignore_record = [](std::uint64_t, BytesView) { return Result<void>(); };

// Of the copy: what is behind the end of the log goes.
Result<StoredState> settle(const std::string& directory, bool salvage) {
    TRY(auto out, read_files(directory, salvage, ignore_part, ignore_record));
    for (const auto& entry : fs::directory_iterator(directory + "/log")) {
        const std::uint64_t first = log_format::first_lsn_of(entry.path().string());
        const bool used = std::any_of(out.end.segments.begin(), out.end.segments.end(),
                                      [&](const LogSegment& segment) { return segment.first_lsn == first; });
        if (!used && ::unlink(entry.path().c_str()) != 0)
            return fail(file_error("remove", entry.path().string(), errno));
    }
    if (!out.end.segments.empty()) TRY_VOID(seal_log(out.end));
    if (salvage && !out.checkpoint) {
        std::error_code ignored;
        fs::remove_all(directory + "/checkpoint", ignored);
    }
    return out;
}

struct Source {
    DirectoryIdentity identity;
    bool backup = false;
};
Result<Source> identify(const std::string& directory) {
    TRY(auto of_backup, read_identity(directory + "/backup.json"));
    if (of_backup) return Source{std::move(*of_backup), true};
    TRY(auto of_node, read_identity(directory + "/node.json"));
    if (of_node) return Source{std::move(*of_node), false};
    return fail(
        Error::make(sqlstate::object_not_in_prerequisite_state,
                    directory + " is neither a data directory nor a backup")
            .with_hint("A data directory is what 'anabranch node --data' names; it has a node.json."));
}

}  // namespace

Result<StoredState> read_stored(const std::string& directory, PartVisitor part, LogRecordVisitor record) {
    TRY(auto source, identify(directory));
    File lock;
    if (!source.backup) {
        auto locked = lock_directory(directory);
        if (!locked) {
            auto error = locked.error();
            error.hint = "Stop the node first, or take a backup of it and look at that.";
            return fail(std::move(error));
        }
        lock = std::move(*locked);
    }
    TRY(auto out, read_files(directory, false, part, record));
    out.identity = std::move(source.identity);
    out.backup = source.backup;
    return out;
}

Result<StoredState> make_backup(const std::string& data, const std::string& to) {
    TRY_VOID(must_be_empty(to));
    TRY(auto source, identify(data));
    TRY_VOID(make_directory(to));
    std::optional<Error> problem;
    for (int i = 0; i < attempts; ++i) {
        // Before the first attempt, too: a node hands on within 20 ms what it logs lazily, such as which
        // entries of the order are committed.
        std::this_thread::sleep_for(pause_between);
        if (auto copied = copy_stored(data, to); !copied) {
            if (copied.error().sqlstate == sqlstate::disk_full) return std::unexpected(copied.error());
            problem = copied.error();
            continue;
        }
        auto out = settle(to, false);
        if (out) {
            source.identity.place = {};
            source.identity.made_micros = std::chrono::duration_cast<std::chrono::microseconds>(
                                              std::chrono::system_clock::now().time_since_epoch())
                                              .count();
            TRY_VOID(write_identity(to + "/backup.json", source.identity));
            out->identity = std::move(source.identity);
            out->backup = true;
            return out;
        }
        problem = out.error();
    }
    problem->message = "no backup could be made of " + data + ": " + problem->message;
    return fail(std::move(*problem));
}

Result<StoredState> restore(const std::string& source, const std::string& data, const RestoreOptions& options,
                            ReplicaId new_id) {
    TRY_VOID(must_be_empty(data));
    TRY(auto from, identify(source));
    File lock;
    if (!from.backup) {
        TRY(lock, lock_directory(source));
    }
    auto& identity = from.identity;
    if (!options.name.empty()) identity.name = options.name;
    if (std::find(identity.members.begin(), identity.members.end(), identity.name) == identity.members.end())
        return fail(Error::make("22023", "node " + identity.name + " is no member of the cluster that " +
                                             source + " belongs to")
                        .with_hint("Use the name of one of its members."));
    if (options.new_cluster && !from.backup)
        return fail(Error::make(sqlstate::object_not_in_prerequisite_state, source + " is no backup")
                        .with_hint("Members of a new cluster must all begin with one and the same backup: "
                                   "make one with anabranch backup."));
    TRY_VOID(make_directory(data));
    TRY_VOID(copy_stored(source, data));
    TRY(auto out, settle(data, options.salvage));
    // Last: a restore that is interrupted leaves no data directory.
    TRY(const auto own_lock, lock_directory(data));
    TRY(identity.place, place_of(own_lock));
    if (options.new_cluster) {
        TRY(const auto manifest, read_file(source + "/backup.json"));
        identity.founded = std::max<std::uint64_t>(1, hash64(manifest));
    }
    identity.made_micros = 0;
    identity.replica = new_id;
    TRY_VOID(write_identity(data + "/node.json", identity));
    out.identity = std::move(identity);
    return out;
}

Result<DirectoryIdentity> accept_moved(const std::string& data) {
    TRY(auto from, identify(data));
    if (from.backup)
        return fail(
            Error::make(sqlstate::object_not_in_prerequisite_state, data + " is a backup, no data directory")
                .with_hint("Make a data directory of it: anabranch restore " + data + " --data NEW."));
    TRY(const auto lock, lock_directory(data));
    TRY(from.identity.place, place_of(lock));
    TRY_VOID(write_identity(data + "/node.json", from.identity));
    return std::move(from.identity);
}

}  // namespace anabranch::io
