#!/usr/bin/env bash
# A kernel nobody here wrote: inside User-Mode Linux both sides of the stack run, and that kernel's own v9fs mounts the
# guest driver's socket.
source "$(dirname "$0")/stack.sh"
source "$(dirname "$0")/uml.sh"
mkdir "$work/results"
boot_uml console 280 1024M "$work/results" Tests/System/user-mode-linux-inside.sh
await_uml console
