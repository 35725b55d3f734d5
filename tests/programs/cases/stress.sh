# One stressor of stress-ng, its memory checked.   stress.sh STRESSOR OPTIONS...
stressor=$1
shift
stress-ng --quiet --verify --temp-path . --"$stressor" 1 "$@"
echo "status $?"
