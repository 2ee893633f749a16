// Internal to call*.cpp: one walk through a call's statements at one state.
#pragma once

#include <map>
#include <string>

#include "confluence/smt/call.h"

namespace anabranch::confluence::smt {

struct Call::Context {
    const State& at;
    const Effect* other = nullptr;  // merged into `at`; null at S
    State local;  // `at` with the writes of the statements before: what the call itself sees
    std::map<std::string, Fact> facts;
    std::vector<z3::expr>* hard = nullptr;  // set at S only
    Evaluator ev;

    bool room_for_reads = true;                    // every row read by key has a slot to spare
    std::vector<z3::expr>* hard_absent = nullptr;  // rows of the rest that have been given a slot, at S only

    bool first() const { return hard != nullptr; }
    void require(const z3::expr& e) const {
        if (hard != nullptr && !e.is_true()) hard->push_back(e);
    }
    // Evaluates with a fresh record of what is read.
    struct Result {
        Val value;
        Reads reads;
        bool opaque = false;
    };
    Result evaluate(const sql::Expr& e, const Env& env, const std::string& site, bool witnessed) {
        Result out{ev.terms().boolean_value(ev.terms().yes()), {}, false};
        begin(&out.reads, site, witnessed);
        out.value = ev.expression(e, env);
        out.opaque = ev.opaque;
        end();
        return out;
    }
    // A value written: a read by key is witnessed where one row is written, EXISTS is not (it may also be
    // false).
    Result value(const sql::Expr& e, const Env& env, const std::string& site, bool one_row) {
        Result out{ev.terms().boolean_value(ev.terms().yes()), {}, false};
        begin(&out.reads, site, one_row);
        ev.slots_only = false;
        out.value = ev.expression(e, env);
        out.opaque = ev.opaque;
        end();
        return out;
    }
    void begin(Reads* reads, const std::string& site, bool witnessed) {
        ev.state = &local;
        ev.reads = reads;
        ev.site = site;
        ev.opaque = false;
        ev.slots_only = witnessed && first() && room_for_reads;
        ev.pinned_reads = witnessed && first() && room_for_reads ? hard_absent : nullptr;
    }
    void end() {
        ev.reads = nullptr;
        ev.slots_only = false;
        ev.pinned_reads = nullptr;
        ev.requirements = nullptr;
    }
};

}  // namespace anabranch::confluence::smt
