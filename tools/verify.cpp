#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "node/io/backup.h"
#include "node/io/http.h"
#include "tools/commands.h"
#include "tools/load.h"

namespace anabranch::tools {

namespace {

// One replica as far as digests go.
struct Seen {
    std::string who, version;
    std::map<std::string, std::string> digests;  // by table
};

class NoRows final : public exec::VirtualTables {
  public:
    void rows(std::uint32_t, FunctionRef<bool(std::span<const sql::Datum>)>) const override {}
    std::optional<std::string> setting(std::string_view) const override { return {}; }
};

catalog::SchemaPtr schema_of(const VerifyArguments& arguments, const io::DirectoryIdentity& identity) {
    auto files = arguments.schema;
    if (files.empty()) files.push_back(identity.schema_file);
    auto schema = load_schema(files, false);
    if (schema == nullptr && arguments.schema.empty())
        std::fprintf(stderr, "  Name the schema's files with --schema.\n");
    if (schema == nullptr || schema->hash == identity.schema_hash) return schema;
    explain(Error::make(sqlstate::object_not_in_prerequisite_state,
                        arguments.data + " belongs to another schema: " + identity.schema_file +
                            " with hash " + hex(identity.schema_hash) + ", not " + schema->file +
                            " with hash " + hex(schema->hash))
                .with_hint("Name the schema it was made with by --schema."));
    return nullptr;
}

std::unique_ptr<replica::Replica> replica_of(const catalog::SchemaPtr& schema,
                                             const io::DirectoryIdentity& identity,
                                             const exec::VirtualTables& outside) {
    catalog::Plan plan;
    plan.schema_hash = schema->hash;
    replica::Options options;
    options.name = identity.name;
    options.id = identity.replica;
    options.founded = identity.founded != 0;
    options.joining = identity.joined_later();
    for (const auto& member : identity.began_with)
        if (member != identity.name) options.peers.push_back({member, {}, true, {}});
    return std::make_unique<replica::Replica>(schema, std::move(plan), options, Random(1), nullptr, &outside);
}

std::size_t report_violations(const catalog::Schema& schema, const crdt::Database& database) {
    const auto violations = exec::find_violations(schema, database);
    for (const auto& violation : violations) {
        std::string rows;
        for (const auto& row : violation.rows) rows += " " + row;
        std::printf("  VIOLATED    %s:%s\n", schema.invariants[violation.invariant].name.c_str(),
                    rows.c_str());
    }
    return violations.size();
}

std::string digest_text(const crdt::Database::Digest& digest) {
    return hex(digest[0]) + hex(digest[1]);
}

// Every byte is read back as a restart would.
int verify_stored(const VerifyArguments& arguments, Seen& seen) {
    const auto nothing = [](auto&&...) { return Result<void>(); };
    auto state = io::read_stored(arguments.data, nothing, nothing);
    if (!state) return explain(state.error());
    std::printf("%s: %s node %s, replica %s\n", arguments.data.c_str(),
                state->backup ? "backup of" : "data of", state->identity.name.c_str(),
                hex(state->identity.replica.value).c_str());
    if (state->checkpoint)
        std::printf("  checkpoint  %llu parts, %llu bytes: every checksum holds\n",
                    static_cast<unsigned long long>(state->checkpoint->parts),
                    static_cast<unsigned long long>(state->checkpoint->bytes));
    std::printf("  log         %llu records, %llu bytes: every checksum holds, none is missing%s\n",
                static_cast<unsigned long long>(state->log.records),
                static_cast<unsigned long long>(state->log.bytes),
                state->log.tail_cut ? "; an unfinished write at the end does not count" : "");
    const auto schema = schema_of(arguments, state->identity);
    if (schema == nullptr) return 1;
    const NoRows outside;
    auto replica = replica_of(schema, state->identity, outside);
    state = io::read_stored(
        arguments.data, [&](BytesView part) { return replica->recover_checkpoint(part); },
        [&](std::uint64_t lsn, BytesView record) { return replica->recover(lsn, record); });
    if (!state) return explain(state.error());
    replica::Outputs outputs;
    if (auto started = replica->start({}, outputs); !started) return explain(started.error());
    const auto& database = replica->database();
    seen = {arguments.data, database.version().describe(), {}};
    for (const auto& table : schema->tables) {
        seen.digests[table.display()] = digest_text(database.digest(table.id));
        std::printf("  table       %s: %zu rows, digest %s\n", table.display().c_str(),
                    database.row_count(table.id), seen.digests[table.display()].c_str());
    }
    const auto violated = report_violations(*schema, database);
    if (violated > 0) return 1;
    std::printf("  invariants  all %zu hold\n", schema->invariants.size());
    return 0;
}

Result<Seen> ask(const std::string& peer) {
    TRY(const auto address, io::parse_address(peer));
    TRY(const auto answer, io::http_request(address, "GET", "/status"));
    try {
        const auto json = nlohmann::json::parse(answer.body);
        Seen out{"node " + json.at("name").get<std::string>() + " at " + peer,
                 json.at("version").get<std::string>(),
                 {}};
        for (const auto& table : json.at("tables"))
            out.digests[table.at("name").get<std::string>()] = table.at("digest").get<std::string>();
        return out;
    } catch (const std::exception& problem) {
        return fail("08P01", peer + " gave no status that can be read: " + problem.what());
    }
}

// ---- where two nodes differ ----

struct Part {
    std::string from, to, digest, row;
    std::uint64_t keys = 0;
};
struct Parts {
    std::string version;
    Part whole;
    std::vector<Part> parts;
};

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text)
        out += std::isalnum(static_cast<unsigned char>(c)) ? std::string(1, c) : "%" + hex(BytesView(&c, 1));
    return out;
}

Result<Parts> ask_ranges(const std::string& peer, const std::string& table, const Part& of) {
    TRY(const auto address, io::parse_address(peer));
    TRY(const auto answer,
        io::http_request(address, "GET",
                         "/ranges?table=" + escaped(table) + "&from=" + of.from + "&to=" + of.to));
    try {
        const auto json = nlohmann::json::parse(answer.body);
        Parts out{json.at("version"), {of.from, of.to, json.at("digest"), {}, json.at("keys")}, {}};
        for (const auto& part : json.at("ranges"))
            out.parts.push_back(
                {part.at("from"), part.at("to"), part.at("digest"), part.at("row"), part.at("keys")});
        return out;
    } catch (const std::exception& problem) {
        return fail("08P01", peer + " gave no ranges that can be read: " + problem.what());
    }
}

// The rows of a range that are not the same at both, found by splitting what differs.
Result<void> differing_rows(const std::string& a, const std::string& b, const std::string& table,
                            const std::string& version, const Part& range, std::vector<std::string>& out) {
    constexpr std::size_t rows_named = 20;
    TRY(const auto here, ask_ranges(a, table, range));
    for (const auto& part : here.parts) {
        TRY(const auto there, ask_ranges(b, table, part));
        if (here.version != version || there.version != version)
            return fail(sqlstate::object_not_in_prerequisite_state,
                        "the nodes have moved on while they were compared");
        if (there.whole.digest == part.digest) continue;
        if (part.keys > 1) {
            TRY_VOID(differing_rows(a, b, table, version, part, out));
        } else if (there.whole.keys > 1) {
            TRY_VOID(differing_rows(b, a, table, version, part, out));
        } else {
            out.push_back(!part.row.empty() ? part.row : there.parts[0].row);
        }
        if (out.size() >= rows_named) return {};
    }
    return {};
}

void name_rows(const std::string& a, const std::string& b, const Seen& first, const Seen& second) {
    for (const auto& [table, digest] : first.digests) {
        const auto other = second.digests.find(table);
        if (other == second.digests.end() || other->second == digest) continue;
        std::vector<std::string> rows;
        const auto found = differing_rows(a, b, table, first.version, {}, rows);
        for (const auto& row : rows) std::printf("  %s %s\n", table.c_str(), row.c_str());
        if (!found) std::printf("  %s\n", found.error().message.c_str());
    }
}

enum class Compared { equal, different, behind };
Compared compare(const Seen& a, const Seen& b, bool speak) {
    if (a.version != b.version) {
        if (speak)
            std::printf("%s and %s do not hold the same deltas now, so digests say nothing:\n  %s\n  %s\n",
                        a.who.c_str(), b.who.c_str(), a.version.c_str(), b.version.c_str());
        return Compared::behind;
    }
    bool equal = a.digests.size() == b.digests.size();
    for (const auto& [table, digest] : a.digests) {
        const auto other = b.digests.find(table);
        if (other != b.digests.end() && other->second == digest) continue;
        equal = false;
        std::printf("DIVERGED: table %s differs between %s and %s, which hold the same deltas\n",
                    table.c_str(), a.who.c_str(), b.who.c_str());
    }
    if (equal)
        std::printf("%s and %s hold the same deltas and the same rows\n", a.who.c_str(), b.who.c_str());
    return equal ? Compared::equal : Compared::different;
}

// Nodes under load rarely stand at one place at one moment: asked until they do, for a while.
int compare_with(const std::string& peer, const std::string& other, std::optional<Seen> seen) {
    for (int attempt = 0;; ++attempt) {
        Result<Seen> first = seen ? Result<Seen>(*seen) : ask(other);
        if (!first) return explain(first.error());
        const auto second = ask(peer);
        if (!second) return explain(second.error());
        const bool last = attempt == 50 || (seen && attempt == 10);
        const auto compared = compare(*first, *second, last);
        if (compared == Compared::equal) return 0;
        if (compared == Compared::different && !seen) name_rows(other, peer, *first, *second);
        if (compared == Compared::different) return 1;
        if (last) return 4;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

}  // namespace

int verify(const VerifyArguments& arguments) {
    if (arguments.data.empty() && arguments.peers.size() < 2) {
        explain(Error::make("22023", "verify needs a directory, or two peers to compare")
                    .with_hint("Run 'anabranch verify --help'."));
        return 2;
    }
    std::optional<Seen> seen;
    if (!arguments.data.empty())
        if (const int status = verify_stored(arguments, seen.emplace()); status != 0) return status;
    int worst = 0;
    for (std::size_t i = seen ? 0 : 1; i < arguments.peers.size(); ++i) {
        const int status = compare_with(arguments.peers[i], arguments.peers[0], seen);
        if (status == 1) return 1;
        worst = std::max(worst, status);
    }
    return worst;
}

}  // namespace anabranch::tools
