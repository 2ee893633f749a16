// The statements of a script, one by one: what declares goes into the draft, what is not modelled becomes a
// warning.
#include "lib/base/overload.h"
#include "lib/catalog/draft.h"
#include "lib/sql/print.h"

namespace anabranch::catalog {

namespace {

std::string text_of(const ast::Expr& e) {
    if (const auto* l = std::get_if<ast::Literal>(&e.node)) {
        if (const auto* s = std::get_if<std::string>(&l->value)) return *s;
        if (const auto* b = std::get_if<bool>(&l->value)) return *b ? "on" : "off";
        if (const auto* i = std::get_if<std::int64_t>(&l->value)) return std::to_string(*i);
        if (const auto* n = std::get_if<ast::Number>(&l->value)) return n->text;
        return {};
    }
    if (const auto* c = std::get_if<ast::ColumnRef>(&e.node)) return c->parts.back();
    if (const auto* c = std::get_if<ast::Cast>(&e.node)) return text_of(*c->operand);
    return {};
}

void set_variable(const ast::SetVariable& s, Draft& draft) {
    constexpr std::string_view prefix = "anabranch.";
    if (s.name.starts_with(prefix)) {
        std::string value;
        for (const ast::Expr& e : s.values) value += (value.empty() ? "" : ", ") + text_of(e);
        draft.pragmas[s.name.substr(prefix.size())] = value;
    }
    if (s.name == "search_path") {
        draft.path.clear();
        for (const ast::Expr& e : s.values)
            if (const std::string schema = text_of(e);
                schema != "public" && schema != "pg_catalog" && !schema.empty() && schema != "$user")
                draft.path.push_back(schema);
    }
}

void add_object(Draft& draft, DraftObject object) {
    object.path = draft.path;
    draft.objects.push_back(std::move(object));
}

void create_view(const ast::CreateView& v, Span at, Draft& draft, Reporter& reporter) {
    const std::string schema = draft.target_schema(v.name);
    for (DraftObject& o : draft.objects) {
        const bool view = std::holds_alternative<ast::CreateView>(o.node);
        if (o.dropped || !view || o.schema != schema || o.name != v.name.name) continue;
        if (!v.replace)
            return reporter.error(
                Error::make(sqlstate::duplicate_table, "relation \"" + v.name.name + "\" already exists")
                    .with_span(at));
        o.dropped = true;
        draft.relation_names.erase({schema, v.name.name});
    }
    if (!draft.relation_names.insert({schema, v.name.name}).second)
        return reporter.error(
            Error::make(sqlstate::duplicate_table, "relation \"" + v.name.name + "\" already exists")
                .with_span(at));
    add_object(draft, {schema, v.name.name, v, {}, at, false});
}

bool same_signature(const ast::CreateRoutine& a, const ast::CreateRoutine& b) {
    const auto inputs = [](const ast::CreateRoutine& r) {
        std::vector<const ast::TypeName*> out;
        for (const ast::RoutineParameter& p : r.parameters)
            if (p.mode != ast::ParameterMode::Out && p.mode != ast::ParameterMode::Table)
                out.push_back(&p.type);
        return out;
    };
    const auto x = inputs(a), y = inputs(b);
    if (x.size() != y.size()) return false;
    for (std::size_t i = 0; i < x.size(); ++i)
        if (!(*x[i] == *y[i])) return false;
    return true;
}

void create_routine(const ast::CreateRoutine& r, Span at, Draft& draft, Reporter& reporter) {
    const std::string schema = draft.target_schema(r.name);
    for (DraftObject& o : draft.objects) {
        const auto* other = std::get_if<ast::CreateRoutine>(&o.node);
        if (o.dropped || other == nullptr || o.schema != schema || o.name != r.name.name ||
            !same_signature(*other, r))
            continue;
        if (!r.replace)
            return reporter.error(
                Error::make("42723",
                            (r.kind == ast::RoutineKind::Procedure ? "procedure \"" : "function \"") +
                                r.name.name + "\" already exists with same argument types")
                    .with_span(at));
        o.dropped = true;
    }
    add_object(draft, {schema, r.name.name, r, {}, at, false});
}

void create_schema(const ast::CreateSchema& s, Draft& draft, Reporter& reporter) {
    draft.schemas.insert(s.name);
    const std::vector<std::string> before = draft.path;
    draft.path.insert(draft.path.begin(), s.name);
    for (const ast::Statement& e : s.elements) read_statement(e, draft, reporter);
    draft.path = before;
}

void comment(const ast::Comment& c, Draft& draft) {
    Comment out{c.object, draft.target_schema(c.name), c.name.name, c.member, {}};
    std::erase_if(draft.comments, [&](const Comment& other) { return other.same_object(out); });
    if (!c.text || c.text->empty()) return;
    out.text = *c.text;
    draft.comments.push_back(std::move(out));
}

void unmodelled(const ast::Unmodelled& u, Span at, Draft& draft, Reporter& reporter) {
    if (u.what == "RANGE TYPE" || u.what == "TYPE")
        draft.unmodelled_types.insert({draft.target_schema(u.name), u.name.name});
    std::string text = u.what;
    if (!u.name.name.empty()) text += " " + u.name.describe();
    if (!u.table.name.empty()) text += " on " + u.table.describe();
    std::string lost = "nothing it declares is checked or run";
    if (u.what == "TRIGGER") lost = "what it does is not part of any proof, and a node does not run it";
    if (u.what == "RULE") lost = "statements are analysed and run as written";
    if (u.what == "POLICY") lost = "who may see or write which rows is not checked";
    if (u.what == "DO") lost = "what it does to the schema or the rows is not seen";
    reporter.warn(at, text + " is not modelled: " + lost);
}

}  // namespace

void read_statement(const ast::Statement& statement, Draft& draft, Reporter& reporter) {  // tidy: table
    const Span at = statement.span;
    const auto rows = [&](const char* what) {
        reporter.warn(
            at,
            std::string(what) +
                " outside a procedure is skipped: the analysis starts from the rows of the INSERTs alone");
    };
    std::visit(
        Overload{[](const ast::Query&) {},
                 [&](const ast::Insert& i) {
                     add_object(
                         draft,
                         {draft.target_schema(i.table.name), i.table.name.name, statement, {}, at, false});
                 },
                 [&](const ast::Update&) { rows("UPDATE"); },
                 [&](const ast::Delete&) { rows("DELETE"); },
                 [&](const ast::Merge&) { rows("MERGE"); },
                 [&](const ast::Call&) { rows("CALL"); },
                 [&](const ast::CreateTable& n) { create_table(n, at, draft, reporter); },
                 [&](const ast::AlterTable& n) { alter_table(n, at, draft, reporter); },
                 [&](const ast::CreateIndex& n) { create_index(n, at, draft, reporter); },
                 [&](const ast::CreateDomain& n) { create_domain(n, at, draft, reporter); },
                 [&](const ast::AlterDomain& n) { alter_domain(n, at, draft, reporter); },
                 [&](const ast::CreateEnum& n) { create_enum(n, at, draft, reporter); },
                 [&](const ast::AlterEnum& n) { alter_enum(n, at, draft, reporter); },
                 [&](const ast::CreateComposite& n) {
                     draft.unmodelled_types.insert({draft.target_schema(n.name), n.name.name});
                     reporter.warn(at, "the composite type " + n.name.describe() +
                                           " is not modelled: its values are kept and compared as text");
                 },
                 [&](const ast::CreateView& n) { create_view(n, at, draft, reporter); },
                 [&](const ast::CreateRoutine& n) { create_routine(n, at, draft, reporter); },
                 [&](const ast::CreateAssertion& n) {
                     add_object(draft, {"assertion", n.name.name, n, {}, at, false});
                 },
                 [&](const ast::CreateSchema& n) { create_schema(n, draft, reporter); },
                 [&](const ast::Drop& n) { drop(n, at, draft, reporter); },
                 [&](const ast::Rename& n) { rename(n, at, draft, reporter); },
                 [](const ast::Transaction&) {},
                 [](const ast::SetTransaction&) {},
                 [&](const ast::SetVariable& n) { set_variable(n, draft); },
                 [](const ast::ResetVariable&) {},
                 [](const ast::ShowVariable&) {},
                 [](const ast::SetConstraints&) {},
                 [](const ast::Explain&) {},
                 [](const ast::DeclareCursor&) {},
                 [](const ast::Fetch&) {},
                 [](const ast::CloseCursor&) {},
                 [](const ast::Prepare&) {},
                 [](const ast::Execute&) {},
                 [](const ast::Deallocate&) {},
                 [&](const ast::Copy& n) {
                     if (n.from)
                         reporter.warn(
                             at, "COPY is skipped: the analysis starts from the rows of the INSERTs alone");
                 },
                 [](const ast::Listen&) {},
                 [](const ast::Notify&) {},
                 [](const ast::Unlisten&) {},
                 [](const ast::Discard&) {},
                 [&](const ast::Truncate&) { rows("TRUNCATE"); },
                 [](const ast::Vacuum&) {},
                 [&](const ast::Comment& n) { comment(n, draft); },
                 [](const ast::Ignored&) {},
                 [&](const ast::Unmodelled& n) { unmodelled(n, at, draft, reporter); }},
        statement.node);
}

}  // namespace anabranch::catalog
