#include "node/io/backup.h"

#include <cstdio>
#include <random>

#include "tools/commands.h"
#include "tools/load.h"

namespace anabranch::tools {

namespace {

void describe(const io::StoredState& state) {
    if (state.checkpoint)
        std::printf("  checkpoint  %llu parts, %llu bytes\n",
                    static_cast<unsigned long long>(state.checkpoint->parts),
                    static_cast<unsigned long long>(state.checkpoint->bytes));
    std::printf("  log         %llu records, %llu bytes\n",
                static_cast<unsigned long long>(state.log.records),
                static_cast<unsigned long long>(state.log.bytes));
}

ReplicaId new_replica_id() {
    std::random_device device;
    const auto id = static_cast<std::uint64_t>(device()) << 32 | device();
    return ReplicaId{id < 2 ? 2 : id};  // 0 and 1 have meanings of their own
}

int usage(const char* text, const char* hint) {
    explain(Error::make("22023", text).with_hint(hint));
    return 2;
}

}  // namespace

int backup(const BackupArguments& arguments) {
    const auto made = io::make_backup(arguments.data, arguments.to);
    if (!made) return explain(made.error());
    std::printf("backup of node %s, replica %s, is in %s\n", made->identity.name.c_str(),
                hex(made->identity.replica.value).c_str(), arguments.to.c_str());
    describe(*made);
    return 0;
}

int restore(const RestoreArguments& arguments) {
    if (arguments.moved) {
        const auto identity = io::accept_moved(arguments.source);
        if (!identity) return explain(identity.error());
        std::printf("%s stays the data directory of node %s, replica %s\n", arguments.source.c_str(),
                    identity->name.c_str(), hex(identity->replica.value).c_str());
        return 0;
    }
    if (arguments.data.empty()) return usage("restore needs --data", "It names the data directory to make.");
    const io::RestoreOptions options{arguments.name, arguments.new_cluster, arguments.salvage};
    const auto made = io::restore(arguments.source, arguments.data, options, new_replica_id());
    if (!made) return explain(made.error());
    std::printf("%s is a data directory of node %s, with the new replica id %s\n", arguments.data.c_str(),
                made->identity.name.c_str(), hex(made->identity.replica.value).c_str());
    describe(*made);
    if (made->end.damage)
        std::printf(
            "  left out    record %llu and all behind it: %s\n"
            "              What this node acknowledged after that is in the cluster as far as a peer "
            "has received it.\n",
            static_cast<unsigned long long>(made->end.next_lsn), made->end.damage->message.c_str());
    return 0;
}

}  // namespace anabranch::tools
