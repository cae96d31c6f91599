package main

import (
	"os"
	"runtime"
)

// useProcessors lets Go run as many threads at a time as there are processors, and two
// more. A thread that waits for the disk in a sync keeps its place for a while, although
// it needs no processor, and one that encodes a batch keeps its place for ten
// milliseconds: on two processors, requests would then wait for one of the two. With more
// threads than processors the kernel decides, which is fairer, and much sooner.
// GOMAXPROCS in the environment is obeyed instead.
func useProcessors() {
	const more = 2
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.SetDefaultGOMAXPROCS() // what this process may use, whatever was set before
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + more)
	}
}
