#include "lib/catalog/draft.h"

#include <algorithm>

#include "lib/sql/builtin.h"

namespace anabranch::catalog {

const DraftColumn* DraftTable::find(const std::string& column) const {
    for (const DraftColumn& c : columns)
        if (c.name == column) return &c;
    return nullptr;
}
DraftColumn* DraftTable::find(const std::string& column) {
    for (DraftColumn& c : columns)
        if (c.name == column) return &c;
    return nullptr;
}

const DraftConstraint* DraftTable::primary_key() const {
    for (const DraftConstraint& c : constraints)
        if (const auto* key = std::get_if<ast::Key>(&c.node); key != nullptr && key->primary) return &c;
    return nullptr;
}

// ---- Reporter ----

const DraftFile& Reporter::file_of(std::uint32_t offset) const {
    std::size_t i = 0;
    while (i + 1 < files_.size() && files_[i + 1].begin <= offset) ++i;
    return files_[i];
}

Place Reporter::place(Span at) const {
    if (!at.known) return {files_.empty() ? std::string() : files_[0].source->name(), 0, 0};
    const DraftFile& file = file_of(at.offset);
    return file.source->place(at.offset - file.begin);
}

void Reporter::error(Error error) {
    if (error.span.known) error.place = place(error.span);
    errors_.push_back(std::move(error));
}

void Reporter::warn(Span at, std::string message) {
    warnings_.push_back({place(at), std::move(message)});
}

std::string Reporter::rendered() const {
    std::string out;
    for (const Error& e : errors_) {
        if (!out.empty()) out += "\n";
        if (!e.span.known) {
            out += files_.empty() ? e.message : files_[0].source->render(e);
            continue;
        }
        const DraftFile& file = file_of(e.span.offset);
        Error local = e;
        local.span.offset -= file.begin;
        out += file.source->render(local);
    }
    return out;
}

// ---- Draft ----

std::string Draft::target_schema(const ast::QualifiedName& name) const {
    if (!name.schema.empty()) return name.schema;
    return path.empty() ? "public" : path.front();
}

namespace {

// Calls `find(schema)` for the schemas an unqualified name is looked up in.
template <typename Find>
auto search(const std::vector<std::string>& path, const std::string& schema, const Find& find)
    -> decltype(find(schema)) {
    if (!schema.empty()) return find(schema);
    for (const std::string& s : path)
        if (auto found = find(s)) return found;
    return find(std::string("public"));
}

}  // namespace

DraftTable* Draft::find_table(const ast::QualifiedName& name) {
    return search(path, name.schema, [&](const std::string& schema) -> DraftTable* {
        for (DraftTable& t : tables)
            if (!t.dropped && t.schema == schema && t.name == name.name) return &t;
        return nullptr;
    });
}

std::optional<std::size_t> Draft::find_domain(const ast::QualifiedName& name) const {
    return search(path, name.schema, [&](const std::string& schema) -> std::optional<std::size_t> {
        for (std::size_t i = 0; i < domains.size(); ++i)
            if (!domains[i].dropped && domains[i].schema == schema && domains[i].name == name.name) return i;
        return {};
    });
}

std::optional<std::size_t> Draft::find_enum(const ast::QualifiedName& name) const {
    return search(path, name.schema, [&](const std::string& schema) -> std::optional<std::size_t> {
        for (std::size_t i = 0; i < enums.size(); ++i)
            if (!enums[i].dropped && enums[i].schema == schema && enums[i].name == name.name) return i;
        return {};
    });
}

namespace {

// Names for bind_type: nothing but what the draft declares.
class NoNames final : public sql::Names {
  public:
    const sql::Relation* relation(std::string_view, std::string_view) const override { return nullptr; }
    const sql::Relation* table(TableId) const override { return nullptr; }
    std::optional<sql::ResolvedType> type(std::string_view, std::string_view) const override { return {}; }
    std::vector<std::string> enum_labels(std::uint32_t) const override { return {}; }
    std::vector<sql::RoutineSignature> routines(std::string_view, std::string_view) const override {
        return {};
    }
    std::vector<std::string> relation_names() const override { return {}; }
};

}  // namespace

Result<DraftType> Draft::resolve_type(const ast::TypeName& name, Reporter& reporter) const {
    DraftType out;
    if (const auto d = find_domain(name.name)) {
        out.type = domains[*d].base.type;
        out.domain = d;
        if (name.array_dimensions > 0)
            return fail(Error::make(sqlstate::feature_not_supported, "an array of a domain is not supported")
                            .with_span(name.span));
        return out;
    }
    if (const auto e = find_enum(name.name)) {
        out.type = {sql::TypeId::enum_, name.array_dimensions > 0, -1, static_cast<std::uint32_t>(*e)};
        return out;
    }
    const bool unmodelled = std::any_of(unmodelled_types.begin(), unmodelled_types.end(), [&](const auto& t) {
        return t.second == name.name.name && (name.name.schema.empty() || name.name.schema == t.first);
    });
    const bool foreign = unmodelled || sql::is_foreign_type(name.name.name);
    if (foreign || (!name.name.schema.empty() && name.name.schema != "public" &&
                    name.name.schema != "merge" && !schemas.contains(name.name.schema))) {
        reporter.warn(name.span, "type " + name.name.describe() +
                                     " is not modelled: its values are kept and compared as text");
        text_types.insert(name.name.name);
        out.type = {sql::TypeId::text, name.array_dimensions > 0};
        return out;
    }
    const NoNames names;
    const sql::BindContext context(names);
    ast::TypeName plain = name;
    plain.set_of = false;
    TRY(sql::ResolvedType resolved, sql::bind_type(plain, context));
    out.type = resolved.type;
    return out;
}

}  // namespace anabranch::catalog
