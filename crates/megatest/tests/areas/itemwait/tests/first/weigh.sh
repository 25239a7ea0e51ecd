echo "number $N is weighed"
[[ $N != 2 ]] || echo "and it is too heavy"
