"$INPUTS/go-case"
