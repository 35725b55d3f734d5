# One stressor of stress-ng, its memory checked.   stress.sh STRESSOR OPTIONS...
# It may not lock memory, which some do now and then: that could be more than the machine has.
stressor=$1
shift
ulimit -l 64
unprivileged=()
[ "$(id -u)" != 0 ] || unprivileged=(setpriv --bounding-set -ipc_lock)
"${unprivileged[@]}" stress-ng --quiet --verify --temp-path . --"$stressor" 1 "$@"
echo "status $?"
