// Policy: which objects and pods are made now, and who waits while others are refused. Internal to the room.
#pragma once

#include "operator/decide/obstacles.h"
#include "operator/decide/spec_check.h"

namespace parallelrun::op {

// The account, Secret and Service that pods need. Gives what is in their way.
Obstacles ensure_objects(Decision& decision, const SpecVerdict& spec);

// Pods for the places that have none, and what is in their way.
void create_pods(Decision& decision, const SpecVerdict& spec, Obstacles& obstacles);

}  // namespace parallelrun::op
