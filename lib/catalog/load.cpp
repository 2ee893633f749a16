#include "lib/catalog/load.h"

#include <algorithm>

#include "lib/base/bytes.h"
#include "lib/catalog/finish.h"
#include "lib/sql/parse.h"
#include "lib/sql/print.h"

namespace anabranch::catalog {

namespace {

std::string base_name(const std::string& path) {
    const std::size_t slash = path.find_last_of('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

// Two scripts that mean the same by their statements have one hash: comments, blanks and the case of keywords
// do not count, nor does COMMENT ON.
std::uint64_t hash_of(const std::vector<ast::Statement>& statements) {
    std::string text;
    for (const ast::Statement& s : statements) {
        if (std::holds_alternative<ast::Comment>(s.node)) continue;
        text += sql::print(s);
        text += '\n';
    }
    return hash64(text);
}

// Every place in the files has its own offset: the text of each file begins where the one before it ended.
struct Texts {
    std::vector<DraftFile> files;
    std::vector<sql::Source> padded;
    std::string all;
};

Texts texts_of(std::span<const ScriptFile> files) {
    Texts out;
    for (const ScriptFile& file : files) {
        auto source = std::make_shared<const sql::Source>(file.name, file.text);
        const auto begin = static_cast<std::uint32_t>(out.all.size());
        out.padded.emplace_back(file.name, std::string(begin, ' ') + source->text());
        out.all += source->text() + "\n";
        out.files.push_back({std::move(source), begin});
    }
    return out;
}

}  // namespace

Loaded load(std::span<const ScriptFile> files, const LoadOptions& options) {
    Texts texts = texts_of(files);
    Reporter reporter(texts.files);
    Draft draft;
    std::vector<ast::Statement> statements;
    for (const sql::Source& source : texts.padded) {
        sql::ParsedScript script = sql::parse_script(source);
        for (Error& e : script.errors) reporter.error(std::move(e));
        for (ast::Statement& s : script.statements) statements.push_back(std::move(s));
    }
    for (const ast::Statement& s : statements) read_statement(s, draft, reporter);
    const bool assumed = options.assume_transactions && assume_transactions(draft, reporter);
    std::shared_ptr<Schema> schema = Finisher(draft, reporter).finish();
    schema->assumed_transactions = assumed;
    if (assumed)
        schema->warnings.insert(
            schema->warnings.begin(),
            {{files.empty() ? std::string() : files[0].name, 0, 0},
             "no transaction is declared that can be analysed: one insert, update and delete of a single row "
             "is assumed for each table"});
    schema->file = files.empty() ? std::string() : base_name(files[0].name);
    schema->comments = std::move(draft.comments);
    schema->hash = hash_of(statements);
    schema->text = std::move(texts.all);
    Loaded out;
    out.errors = reporter.errors();
    std::stable_sort(out.errors.begin(), out.errors.end(),
                     [](const Error& a, const Error& b) { return a.span.offset < b.span.offset; });
    out.rendered_errors = reporter.rendered();
    if (out.errors.empty()) out.schema = std::move(schema);
    return out;
}

}  // namespace anabranch::catalog
