#include "node/io/data_directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "lib/base/hex.h"

namespace anabranch::io {

namespace {

constexpr int format_version = 1;

Bytes to_text(const DirectoryIdentity& identity) {
    nlohmann::ordered_json json;
    json["format"] = format_version;
    json["name"] = identity.name;
    json["replica"] = hex(identity.replica.value);
    json["schema"] = hex(identity.schema_hash);
    json["schema_file"] = identity.schema_file;
    json["members"] = identity.members;
    json["began_with"] = identity.began_with;
    if (identity.cluster != 0) json["cluster"] = hex(identity.cluster);
    if (identity.founded != 0) json["founded"] = hex(identity.founded);
    if (identity.made_micros != 0) json["made"] = identity.made_micros;
    if (identity.place != DirectoryPlace())
        json["place"] = {{"inode", identity.place.inode}, {"born", identity.place.born_nanos}};
    return json.dump(2) + "\n";
}

Result<DirectoryIdentity> from_text(const std::string& path, const Bytes& text) {
    try {
        const auto json = nlohmann::json::parse(text);
        if (json.at("format").get<int>() != format_version)
            return fail(Error::make(sqlstate::feature_not_supported,
                                    path + " has format version " + json.at("format").dump() +
                                        "; this program reads version " + std::to_string(format_version))
                            .with_hint("Use the version of anabranch that made this directory."));
        DirectoryIdentity out;
        out.name = json.at("name").get<std::string>();
        const auto replica = from_hex(json.at("replica").get<std::string>());
        const auto schema = from_hex(json.at("schema").get<std::string>());
        if (!replica || !schema) throw std::invalid_argument("an id is not 16 hexadecimal digits");
        out.replica.value = *replica;
        out.schema_hash = *schema;
        out.schema_file = json.at("schema_file").get<std::string>();
        out.members = json.at("members").get<std::vector<std::string>>();
        out.began_with = json.value("began_with", out.members);
        if (json.contains("cluster")) {
            const auto cluster = from_hex(json.at("cluster").get<std::string>());
            if (!cluster) throw std::invalid_argument("\"cluster\" is not 16 hexadecimal digits");
            out.cluster = *cluster;
        }
        if (json.contains("founded")) {
            const auto founded = from_hex(json.at("founded").get<std::string>());
            if (!founded) throw std::invalid_argument("\"founded\" is not 16 hexadecimal digits");
            out.founded = *founded;
        }
        out.made_micros = json.value("made", std::int64_t{0});
        if (json.contains("place")) {
            out.place.inode = json.at("place").at("inode").get<std::uint64_t>();
            out.place.born_nanos = json.at("place").at("born").get<std::int64_t>();
        }
        return out;
    } catch (const std::exception& problem) {
        return fail(Error::make(sqlstate::io_error, path + " cannot be read: " + problem.what())
                        .with_hint("Start the node with another, empty data directory: it will fetch its "
                                   "state from its peers."));
    }
}

Result<void> compare(const std::string& path, const DirectoryIdentity& found,
                     const DirectoryIdentity& wanted) {
    const auto refuse = [&](const std::string& what, const std::string& hint) {
        return fail(
            Error::make(sqlstate::object_not_in_prerequisite_state, "data directory " + path + " " + what)
                .with_hint(hint));
    };
    if (found.schema_hash != wanted.schema_hash)
        return refuse("belongs to another schema: " + found.schema_file + " with hash " +
                          hex(found.schema_hash) + ", not " + wanted.schema_file + " with hash " +
                          hex(wanted.schema_hash),
                      "Start it with the schema file it was made with, or use another --data directory.");
    if (found.name != wanted.name)
        return refuse("belongs to node " + found.name + ", not " + wanted.name,
                      "Use --name " + found.name + ", or another --data directory.");
    return {};
}

Error copied(const std::string& path, const DirectoryIdentity& identity) {
    return Error::make(sqlstate::object_not_in_prerequisite_state,
                       "data directory " + path + " is a copy of the one that node " + identity.name +
                           " was made with, or has been moved")
        .with_detail("Two nodes with replica id " + hex(identity.replica.value) +
                     " would give the same name to different deltas, and no replica could tell them apart.")
        .with_hint("Give it an id of its own: anabranch restore " + path +
                   " --data NEW. If it was moved and the original is gone for good: anabranch restore " +
                   path + " --moved.");
}

}  // namespace

Result<std::optional<DirectoryIdentity>> read_identity(const std::string& file) {
    if (!std::filesystem::exists(file)) return std::nullopt;
    TRY(const auto text, read_file(file));
    TRY(auto identity, from_text(file, text));
    return identity;
}

Result<void> write_identity(const std::string& file, const DirectoryIdentity& identity) {
    return write_file_atomically(file, to_text(identity));
}

Result<File> lock_directory(const std::string& path) {
    auto lock = lock_file(path + "/lock");
    if (lock || lock.error().sqlstate != object_in_use) return lock;
    return fail(Error::make(object_in_use, "data directory " + path + " is in use by another process")
                    .with_hint("Stop that node first, or use another --data directory."));
}

Result<DirectoryPlace> place_of(const File& lock) {
    struct statx status {};
    if (::statx(lock.get(), "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0)
        return fail(file_error("read", "the lock file's inode", errno));
    DirectoryPlace out;
    out.inode = status.stx_ino;
    if ((status.stx_mask & STATX_BTIME) != 0)
        out.born_nanos = status.stx_btime.tv_sec * 1'000'000'000 + status.stx_btime.tv_nsec;
    return out;
}

Result<DataDirectory> DataDirectory::open(const std::string& path, const DirectoryIdentity& wanted) {
    TRY_VOID(make_directory(path));
    DataDirectory out;
    out.path_ = path;
    if (std::filesystem::exists(path + "/backup.json"))
        return fail(
            Error::make(sqlstate::object_not_in_prerequisite_state, path + " is a backup, no data directory")
                .with_hint("Make a data directory of it: anabranch restore " + path + " --data NEW."));
    TRY(out.lock_, lock_directory(path));
    TRY(const auto place, place_of(out.lock_));
    const std::string file = path + "/node.json";
    TRY(auto found, read_identity(file));
    if (found) {
        out.identity_ = std::move(*found);
        TRY_VOID(compare(path, out.identity_, wanted));
        if (out.identity_.place == place) return out;
        if (out.identity_.place != DirectoryPlace()) return fail(copied(path, out.identity_));
        out.identity_.place = place;
        TRY_VOID(write_identity(file, out.identity_));
        return out;
    }
    if (std::filesystem::exists(out.log_path()))
        return fail(Error::make(sqlstate::object_not_in_prerequisite_state,
                                "data directory " + path + " has a log but no node.json")
                        .with_hint("It was not made by this program, is damaged, or is a restore that was "
                                   "interrupted; use another --data directory."));
    out.identity_ = wanted;
    out.identity_.place = place;
    out.fresh_ = true;
    TRY_VOID(write_identity(file, out.identity_));
    return out;
}

Result<void> DataDirectory::note(std::uint64_t cluster, const std::vector<std::string>& members) {
    // Those that the cluster began with know its name by that.
    const std::uint64_t named = identity_.began_with.empty() ? cluster : identity_.cluster;
    if (named == identity_.cluster && (members == identity_.members || members.empty())) return {};
    identity_.cluster = named;
    if (!members.empty()) identity_.members = members;
    return write_identity(path_ + "/node.json", identity_);
}

}  // namespace anabranch::io
