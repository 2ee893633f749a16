#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "confluence/check.h"
#include "confluence/report_parts.h"
#include "confluence/search.h"
#include "confluence/wording.h"
#include "tests/unit/confluence/schemas.h"

namespace anabranch::confluence {

namespace {

// A report as the analysis would make it, with conflicts as the search finds them, and one pair left open.
Report report_of(const catalog::SchemaPtr& schema, const std::string& open = "") {
    Report out;
    out.schema = schema;
    Search search(schema);
    const std::size_t count = schema->transactions.size();
    const auto found =
        search.find_breaks(std::vector<std::vector<bool>>(count, std::vector<bool>(count, true)), {});
    REQUIRE(found);
    for (std::uint32_t t = 0; t < count; ++t)
        for (std::uint32_t i = 0; i < schema->invariants.size(); ++i) {
            Pair pair;
            pair.transaction = t;
            pair.invariant = i;
            pair.verdict = Verdict::confluent;
            pair.rule = "cannot touch";
            for (const auto& broken : *found) {
                if (broken.invariant != i || (broken.first != t && broken.second != t)) continue;
                pair.verdict = Verdict::not_confluent;
                pair.rule = "replayed";
                Conflict conflict;
                conflict.with = broken.first == t ? broken.second : broken.first;
                conflict.scope = {{0, 0}};
                conflict.witness = broken.witness;
                conflict.why = "Each call is accepted where it runs.";
                pair.conflicts.push_back(std::move(conflict));
                if (pair.repairs.empty())
                    pair.repairs.push_back({"escrow", "Divide what may be spent among the replicas."});
            }
            if (schema->transactions[t].name == open && pair.verdict == Verdict::confluent && i == 0) {
                pair.verdict = Verdict::unknown;
                pair.reason = "The condition calls an unknown function.";
                pair.conflicts.push_back({t, {}, std::nullopt, "Nothing is known about it."});
            }
            out.pairs.push_back(std::move(pair));
        }
    for (std::uint32_t t = 0; t < count; ++t) {
        catalog::PlannedTransaction planned;
        planned.name = schema->transactions[t].display();
        planned.route = schema->transactions[t].read_only ? catalog::Route::read_only : catalog::Route::free;
        for (const auto& pair : out.pairs) {
            if (pair.transaction != t || pair.verdict == Verdict::confluent) continue;
            planned.route = catalog::Route::ordered;
            planned.scope = {"account"};
            planned.reasons.push_back("conflicts on " + schema->invariants[pair.invariant].name);
        }
        out.plan.transactions.push_back(std::move(planned));
    }
    out.plan.assumptions = {"Generated keys are never chosen by a client."};
    out.vacuous = {{"nobody", "can never <commit> & \"run\""}};
    out.warnings = {{{"bank.sql", 7, 3}, "a trigger is not modelled"}};
    return out;
}

// Compares with tests/golden/confluence/NAME; ANABRANCH_REWRITE=1 writes it anew.
void golden_text(const std::string& name, const std::string& text) {
    const std::string path = test::source_path("tests/golden/confluence/" + name);
    if (std::getenv("ANABRANCH_REWRITE") != nullptr) {
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        test::write_file(path, text);
    }
    CHECK(text == test::read_file(path));
}

std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t out = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++out;
    return out;
}

}  // namespace

TEST_CASE("the text report of the bank") {
    golden_text("bank.txt", to_text(report_of(test::bank(), "rename_owner"), 80, false));
}

TEST_CASE("the JSON report of the bank") {
    golden_text("bank.json", to_json(report_of(test::bank(), "rename_owner")));
}

TEST_CASE("the HTML report of the bank") {
    golden_text("bank.html", to_html(report_of(test::bank(), "rename_owner")));
}

TEST_CASE("repairs that change a transaction, a guard and a split, are told in each format") {
    const auto schema = test::schema_of(R"sql(CREATE DOMAIN holds AS boolean NOT NULL CHECK (VALUE);
CREATE TABLE purses (id bigint PRIMARY KEY, coins bigint NOT NULL CHECK (coins >= 0));
CREATE TABLE visits (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), guest bigint NOT NULL);
INSERT INTO purses VALUES (1, 5);
CREATE PROCEDURE give(purse bigint, n bigint)
BEGIN ATOMIC
    UPDATE purses SET coins = coins + n WHERE id = purse;
END;
CREATE PROCEDURE take(purse bigint, n bigint, guest bigint)
BEGIN ATOMIC
    SELECT (n > 0)::holds;
    UPDATE purses SET coins = coins - n WHERE id = purse;
    INSERT INTO visits (guest) VALUES (guest);
END;
)sql",
                                        "kiosk.sql");
    const auto report = check(schema);
    REQUIRE(report);
    golden_text("kiosk.txt", to_text(*report, 100, false));
    golden_text("kiosk.json", to_json(*report));
    golden_text("kiosk.html", to_html(*report));
}

TEST_CASE("the JSON report keeps to the contract: fields, their order, all pairs") {
    const auto schema = test::bank();
    const auto json = nlohmann::ordered_json::parse(to_json(report_of(schema)));
    const auto fields = [](const nlohmann::ordered_json& object) {
        std::string out;
        for (const auto& [name, value] : object.items()) out += (out.empty() ? "" : " ") + name;
        return out;
    };
    CHECK(fields(json) == "version schema columns invariants transactions pairs warnings vacuous millis");
    CHECK(json["version"] == 1);
    CHECK(fields(json["columns"][0]) == "table column merge group reason");
    CHECK(fields(json["invariants"][0]) == "name kind table text at");
    CHECK(fields(json["transactions"][0]) == "name route scope reasons at");
    CHECK(json["pairs"].size() == schema->transactions.size() * schema->invariants.size());
    for (const auto& pair : json["pairs"]) {
        CHECK(fields(pair) == "transaction invariant verdict rule millis conflicts repairs");
        for (const auto& conflict : pair["conflicts"]) {
            CHECK(fields(conflict) == "with scope witness");
            CHECK(fields(conflict["witness"]) == "scenario story");
        }
    }
    CHECK(fields(json["warnings"][0]) == "at message");
    CHECK(json["warnings"][0]["at"] == "bank.sql:7:3");
}

TEST_CASE("a workload's share is told in each format, and in JSON by one more field before millis") {
    auto report = report_of(test::bank());
    const auto mix = parse_mix(*report.schema, "withdraw=20,deposit=79,statement=1");
    REQUIRE(mix);
    report.share = share_of(report, *mix, Skew{0.99, 1000});
    const std::string text = to_text(report, 100, false), page = to_html(report);
    for (const std::string part : {"Of a workload of deposit 79.0 %, withdraw 20.0 % and statement 1.0 %",
                                   "20.0 %", "ordered: waits for the primary (withdraw)",
                                   "drawn from 1000 with skew 0.99", "when 100 run at once"}) {
        INFO(part);
        CHECK(text.find(part) != std::string::npos);
        CHECK(page.find(part) != std::string::npos);
    }
    const auto json = nlohmann::ordered_json::parse(to_json(report));
    std::string fields;
    for (const auto& [name, value] : json["share"].items()) fields += name + " ";
    CHECK(fields == "mix free escrow ordered read_only skew keys meetings ");
    CHECK(json["share"]["ordered"].get<double>() == Approx(0.2));
    CHECK(json["share"]["mix"][1]["transaction"] == "withdraw");
    CHECK(json["share"]["mix"][1]["route"] == "ordered");
    CHECK(json["share"]["meetings"][0]["calls"] == 2);
    CHECK(std::prev(json.end()).key() == "millis");
    report.share = share_of(report, *mix, std::nullopt);
    CHECK(to_text(report, 100, false).find("run at once") == std::string::npos);
}

TEST_CASE("each word of the JSON contract is one of those that it allows") {
    const auto json = nlohmann::ordered_json::parse(to_json(report_of(test::bank(), "rename_owner")));
    const auto one_of = [](const nlohmann::ordered_json& value, const std::set<std::string>& words) {
        INFO(value.dump());
        CHECK(words.contains(value.get<std::string>()));
    };
    for (const auto& column : json["columns"]) one_of(column["merge"], {"counter", "max", "min", "register"});
    for (const auto& invariant : json["invariants"])
        one_of(invariant["kind"], {"not_null", "check", "primary_key", "unique", "foreign_key", "exclude",
                                   "assertion", "lost_update"});
    for (const auto& transaction : json["transactions"])
        one_of(transaction["route"], {"free", "escrow", "ordered", "read_only", "skipped"});
    std::set<std::string> verdicts;
    for (const auto& pair : json["pairs"]) {
        one_of(pair["verdict"], {"confluent", "not_confluent", "unknown"});
        verdicts.insert(pair["verdict"].get<std::string>());
        CHECK(pair["millis"].is_number());
        CHECK((pair["verdict"] == "confluent") == pair["conflicts"].empty());
        for (const auto& conflict : pair["conflicts"])
            CHECK(conflict.contains("witness") == (pair["verdict"] == "not_confluent"));
    }
    CHECK(verdicts.size() == 3);
    CHECK(json["schema"] == "bank.sql");
}

TEST_CASE("a schema without transactions is told by what it needs, first of all") {
    const catalog::ScriptFile file{
        "foreign.sql", "CREATE TABLE tags (id bigserial PRIMARY KEY, name text NOT NULL UNIQUE);"};
    const auto loaded = catalog::load({&file, 1}, {true});
    REQUIRE(loaded.schema != nullptr);
    const auto report = report_of(loaded.schema);
    const std::string text = to_text(report, 100, false);
    const auto need = text.find("1 of 3 constraints need coordination when several replicas write");
    REQUIRE(need != std::string::npos);
    CHECK(need < text.find("Transactions by invariants"));
    CHECK(text.find("tags_name_key of tags") != std::string::npos);
    CHECK(text.find("two replicas can each accept a row with the same key") != std::string::npos);
    CHECK(to_html(report).find("1 of 3 constraints need coordination") != std::string::npos);
    REQUIRE_FALSE(loaded.schema->warnings.empty());
    CHECK(loaded.schema->warnings[0].message.starts_with("no transaction is declared"));
}

TEST_CASE("arguments are told without the casts that only a parser needs") {
    CHECK(without_casts("'a::b', '2026-01-01 00:00:00'::timestamp without time zone, 1") ==
          "'a::b', '2026-01-01 00:00:00', 1");
    CHECK(without_casts("'{1,2}'::bigint[], FALSE") == "'{1,2}', FALSE");
    CHECK(without_casts("f('x'::text)") == "f('x')");
}

TEST_CASE("each scenario of a JSON report replays") {
    const auto schema = test::bank();
    const auto json = nlohmann::ordered_json::parse(to_json(report_of(schema)));
    for (const auto& pair : json["pairs"])
        for (const auto& conflict : pair["conflicts"]) {
            const auto parsed = from_scenario("x.scn", conflict["witness"]["scenario"].get<std::string>());
            REQUIRE(parsed);
            CHECK(parsed->expected == std::vector<std::string>{pair["invariant"].get<std::string>()});
            const auto printed = replay_text(schema, *parsed);
            REQUIRE(printed);
            CHECK(printed->met);
        }
}

TEST_CASE("a conflict that two pairs report is told once") {
    const auto report = report_of(test::bank());
    const auto told = conflicts_of(report, Verdict::not_confluent);
    CHECK(told.size() == 6);
    CHECK(count_of(to_text(report, 80, false), "\nConflict ") == 6);
    std::set<std::string> names;
    for (const auto& conflict : told)
        names.insert(who(report, conflict) + " against " + std::to_string(conflict.pair->invariant));
    CHECK(names.size() == 6);
}

TEST_CASE("the text report stays within the width and has colour only when asked") {
    const auto report = report_of(test::bank(), "rename_owner");
    for (const std::size_t width : {60, 80, 120}) {
        const std::string text = to_text(report, width, false);
        CHECK(text.find('\x1b') == std::string::npos);
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = text.find('\n', at);
            INFO(text.substr(at, end - at));
            CHECK(width_of(text.substr(at, end - at)) <= width);
            at = end + 1;
        }
    }
    CHECK(to_text(report, 80, true).find('\x1b') != std::string::npos);
}

namespace {

// Sixty bounds over counters; `spend` lowers the first `count` of them.
std::string many_bounds(int count) {
    std::string columns, sets;
    for (int i = 0; i < 60; ++i) {
        const std::string c = "c" + std::to_string(i);
        columns += ", " + c + " bigint NOT NULL DEFAULT 1 CHECK (" + c + " >= 0)";
        if (i < count) sets += (i == 0 ? "" : ", ") + c + " = " + c + " - 1";
    }
    return "CREATE TABLE t (id bigint PRIMARY KEY" + columns +
           ");\nINSERT INTO t (id) VALUES (1);\nCREATE PROCEDURE spend(row_id bigint) "
           "BEGIN ATOMIC UPDATE t SET " +
           sets + " WHERE id = row_id; END;";
}

}  // namespace

TEST_CASE("a matrix with many invariants is broken into blocks, and leaves out those that nothing breaks") {
    const std::string report = to_text(report_of(test::schema_of(many_bounds(50))), 80, false);
    CHECK(count_of(report, "\n  spend  ") >= 3);
    CHECK(report.find("c49_check") != std::string::npos);
    CHECK(report.find("c50_check") == std::string::npos);
    CHECK(report.find("more invariants are kept whatever") != std::string::npos);
    const std::string page = to_html(report_of(test::schema_of(many_bounds(50))));
    CHECK(page.find("c50_check") == std::string::npos);
    CHECK(page.find("more invariants are kept whatever") != std::string::npos);
}

TEST_CASE("an HTML report is one page that loads nothing and runs nothing") {
    const std::string page = to_html(report_of(test::bank(), "rename_owner"));
    CHECK(page.starts_with("<!DOCTYPE html>"));
    for (const char* banned : {"<script", "http:", "https:", "src=", "@import", "url(", "onclick"}) {
        INFO(banned);
        CHECK(page.find(banned) == std::string::npos);
    }
    CHECK(page.find("can never &lt;commit&gt; &amp; &quot;run&quot;") != std::string::npos);
    CHECK(page.find("prefers-color-scheme: dark") != std::string::npos);
    for (const char* tag : {"div", "table", "section", "ul", "ol", "span", "code", "svg", "li", "details"}) {
        INFO(tag);
        CHECK(count_of(page, std::string("<") + tag + ">") + count_of(page, std::string("<") + tag + " ") ==
              count_of(page, std::string("</") + tag + ">"));
    }
    for (std::size_t at = page.find("href=\"#"); at != std::string::npos;
         at = page.find("href=\"#", at + 1)) {
        const std::string target = page.substr(at + 7, page.find('"', at + 7) - at - 7);
        INFO(target);
        CHECK(page.find("id=\"" + target + "\"") != std::string::npos);
    }
}

}  // namespace anabranch::confluence
