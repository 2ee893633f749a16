// The routes of statements that nobody declared (a session's single INSERT, UPDATE or DELETE): one is
// admitted when every free transaction stays free beside it and beside all other such statements (leeway.h),
// and is ordered then. It is free itself only when nothing that anybody could write would break an invariant
// with it: what the others run is not known here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "confluence/check.h"
#include "lib/catalog/plan.h"

namespace anabranch::confluence {

class AdHocRouter {
  public:
    explicit AdHocRouter(Report report);
    ~AdHocRouter();

    const Report& report() const { return report_; }
    // Not cached. 0A000 with a hint when a free transaction would no longer be free beside it.
    Result<catalog::Route> route_of(const std::string& statement,
                                    const std::vector<sql::Type>& parameter_types);

  private:
    Report report_;
    std::unique_ptr<class Leeway> leeway_;
};

}  // namespace anabranch::confluence
