// pause: the process that holds a pod's namespaces.
module parallelrun.dev/tests/cluster/pause

go 1.26.0
