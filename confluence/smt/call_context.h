// Internal to call*.cpp: one walk through a call's statements at one state.
#pragma once

#include <map>
#include <string>

#include "confluence/smt/call.h"

namespace anabranch::confluence::smt {

struct Call::Context {
    const State& at;
    const Effect* other = nullptr;  // merged into `at`; null at S
    State local;                    // `at` with the writes of the statements before: what the call itself sees
    std::map<std::string, Fact> facts;
    std::vector<z3::expr>* hard = nullptr;  // set at S only
    Evaluator ev;

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
    void begin(Reads* reads, const std::string& site, bool witnessed) {
        ev.state = &local;
        ev.reads = reads;
        ev.site = site;
        ev.opaque = false;
        ev.slots_only = witnessed && first();
    }
    void end() {
        ev.reads = nullptr;
        ev.slots_only = false;
        ev.requirements = nullptr;
    }
};

}  // namespace anabranch::confluence::smt
