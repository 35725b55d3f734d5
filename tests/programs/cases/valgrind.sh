valgrind --version
