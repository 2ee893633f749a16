#include "lib/catalog/plan.h"

#include <nlohmann/json.hpp>

#include "lib/base/bytes.h"
#include "lib/base/hex.h"

namespace anabranch::catalog {

namespace {

using Json = nlohmann::ordered_json;

constexpr Route routes[] = {Route::free, Route::escrow, Route::ordered, Route::read_only, Route::skipped};

Error bad(const std::string& why) {
    return Error::make(sqlstate::invalid_text_representation, "this is not a plan: " + why)
        .with_hint(
            "Make one with `anabranch check SCHEMA --format json`, or start the node with the schema alone.");
}

Result<std::vector<std::string>> strings(const Json& json, const char* field) {
    std::vector<std::string> out;
    const auto list = json.find(field);
    if (list == json.end()) return out;
    if (!list->is_array()) return fail(bad(std::string(field) + " is not a list"));
    for (const Json& item : *list) {
        if (!item.is_string()) return fail(bad(std::string(field) + " holds something that is not a string"));
        out.push_back(item.get<std::string>());
    }
    return out;
}

Result<std::uint64_t> hash_of(const Json& json) {
    const auto field = json.find("schema_hash");
    if (field == json.end() || !field->is_string()) return fail(bad("schema_hash is missing"));
    const auto hash = from_hex(field->get<std::string>());
    if (!hash) return fail(bad("schema_hash is not 16 hexadecimal digits"));
    return *hash;
}

Result<PlannedTransaction> transaction_of(const Json& json) {
    PlannedTransaction out;
    if (!json.is_object() || !json.contains("name") || !json["name"].is_string())
        return fail(bad("a transaction has no name"));
    out.name = json["name"].get<std::string>();
    const std::string route = json.value("route", std::string());
    bool known = false;
    for (const Route r : routes) {
        if (route != name_of(r)) continue;
        out.route = r;
        known = true;
    }
    if (!known) return fail(bad("\"" + route + "\" is not a route"));
    TRY(out.scope, strings(json, "scope"));
    TRY(out.reasons, strings(json, "reasons"));
    return out;
}

Result<Plan> plan_of(const Json& json) {
    if (!json.is_object()) return fail(bad("it is not an object"));
    if (json.value("version", 0) != 1) return fail(bad("version 1 is the only one known"));
    Plan out;
    TRY(out.schema_hash, hash_of(json));
    const auto list = json.find("transactions");
    if (list == json.end() || !list->is_array()) return fail(bad("transactions is missing"));
    for (const Json& item : *list) {
        TRY(PlannedTransaction t, transaction_of(item));
        out.transactions.push_back(std::move(t));
    }
    TRY(out.assumptions, strings(json, "assumptions"));
    return out;
}

}  // namespace

const char* name_of(Route route) {
    switch (route) {
        case Route::free:
            return "free";
        case Route::escrow:
            return "escrow";
        case Route::ordered:
            return "ordered";
        case Route::read_only:
            return "read_only";
        case Route::skipped:
            return "skipped";
    }
    return "ordered";
}

std::string to_json(const Plan& plan) {
    Json json;
    json["version"] = 1;
    json["schema_hash"] = hex(plan.schema_hash);
    json["transactions"] = Json::array();
    for (const PlannedTransaction& t : plan.transactions)
        json["transactions"].push_back(
            {{"name", t.name}, {"route", name_of(t.route)}, {"scope", t.scope}, {"reasons", t.reasons}});
    json["assumptions"] = plan.assumptions;
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Plan> plan_from_json(const std::string& text) {
    try {
        return plan_of(Json::parse(text));
    } catch (const nlohmann::json::exception& e) {
        return fail(bad(e.what()));
    }
}

}  // namespace anabranch::catalog
