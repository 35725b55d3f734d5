# Goroutines, garbage, a child, a server. Built natively.
cat >case.go <<'END'
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sort"
	"sync"
	"time"
)

type node struct{ left, right *node }

func tree(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{tree(depth - 1), tree(depth - 1)}
}

func (n *node) count() int {
	if n.left == nil {
		return 1
	}
	return 1 + n.left.count() + n.right.count()
}

func main() {
	var group sync.WaitGroup
	results := make(chan int, 64)
	for i := 0; i < 64; i++ {
		group.Add(1)
		go func(seed int) {
			defer group.Done()
			results <- tree(10 + seed%4).count()
		}(i)
	}
	group.Wait()
	close(results)
	total := 0
	for count := range results {
		total += count
	}
	fmt.Println("nodes", total)
	runtime.GC()
	fmt.Printf("%x\n", sha256.Sum256(make([]byte, 10<<20)))
	numbers := make([]int, 500000)
	for i := range numbers {
		numbers[i] = i * 7919 % 1000003
	}
	sort.Ints(numbers)
	fmt.Println(numbers[0], numbers[250000])
	output, err := exec.Command("echo", "from a child").Output()
	fmt.Printf("%s%v\n", output, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go func() {
		connection, _ := listener.Accept()
		io.WriteString(connection, "over the loopback")
		connection.Close()
	}()
	connection, err := net.Dial("tcp", listener.Addr().String())
	if err == nil {
		text, _ := io.ReadAll(connection)
		fmt.Println(string(text))
	}
	select {
	case <-time.After(20 * time.Millisecond):
		fmt.Println("timer")
	}
	defer func() {
		fmt.Println("recovered:", recover())
		os.Exit(3)
	}()
	var nothing *node
	fmt.Println(nothing.left)
}
END
HOME=$PWD GOFLAGS=-mod=mod GO111MODULE=off GOCACHE=$PWD/cache go build -o go-case case.go
