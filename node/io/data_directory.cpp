#include "node/io/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace anabranch::io {

namespace {

constexpr int format_version = 1;
constexpr std::string_view object_in_use = "55006";
constexpr std::string_view wrong_state = "55000";

std::string list(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
    return out;
}

Bytes to_text(const DirectoryIdentity& identity) {
    nlohmann::ordered_json json;
    json["format"] = format_version;
    json["name"] = identity.name;
    json["replica"] = hex(identity.replica.value);
    json["schema"] = hex(identity.schema_hash);
    json["schema_file"] = identity.schema_file;
    json["members"] = identity.members;
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
        out.replica.value = std::stoull(json.at("replica").get<std::string>(), nullptr, 16);
        out.schema_hash = std::stoull(json.at("schema").get<std::string>(), nullptr, 16);
        out.schema_file = json.at("schema_file").get<std::string>();
        out.members = json.at("members").get<std::vector<std::string>>();
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
        return fail(Error::make(wrong_state, "data directory " + path + " " + what).with_hint(hint));
    };
    if (found.schema_hash != wanted.schema_hash)
        return refuse("belongs to another schema: " + found.schema_file + " with hash " +
                          hex(found.schema_hash) + ", not " + wanted.schema_file + " with hash " +
                          hex(wanted.schema_hash),
                      "Start it with the schema file it was made with, or use another --data directory.");
    if (found.name != wanted.name)
        return refuse("belongs to node " + found.name + ", not " + wanted.name,
                      "Use --name " + found.name + ", or another --data directory.");
    if (found.members != wanted.members)
        return refuse("belongs to a cluster of " + list(found.members) + ", not " + list(wanted.members),
                      "Name the same peers with --peer as when the directory was made.");
    return {};
}

}  // namespace

Result<DataDirectory> DataDirectory::open(const std::string& path, const DirectoryIdentity& wanted) {
    TRY_VOID(make_directory(path));
    DataDirectory out;
    out.path_ = path;
    const std::string lock_path = path + "/lock";
    TRY(out.lock_, open_file(lock_path, O_RDWR | O_CREAT));
    if (::flock(out.lock_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return fail(file_error("lock", lock_path, errno));
        return fail(Error::make(object_in_use, "data directory " + path + " is in use by another process")
                        .with_hint("Stop that node first, or use another --data directory."));
    }
    const std::string identity_path = path + "/node.json";
    if (std::filesystem::exists(identity_path)) {
        TRY(const auto text, read_file(identity_path));
        TRY(out.identity_, from_text(identity_path, text));
        TRY_VOID(compare(path, out.identity_, wanted));
        return out;
    }
    if (std::filesystem::exists(out.log_path()))
        return fail(
            Error::make(wrong_state, "data directory " + path + " has a log but no node.json")
                .with_hint("It was not made by this program or is damaged; use another --data directory."));
    out.identity_ = wanted;
    out.fresh_ = true;
    TRY_VOID(write_file_atomically(identity_path, to_text(wanted)));
    return out;
}

}  // namespace anabranch::io
