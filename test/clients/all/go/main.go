// The driver of franz-go and of sarama, whichever the first argument names: one JSON object a line says what to do, one a
// line answers. Decides nothing itself.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"sync"
	"time"
)

type message struct {
	Key       *string     `json:"key"`
	Value     *string     `json:"value"`
	Headers   [][2]string `json:"headers"`
	Timestamp int64       `json:"timestamp"`
	Offset    int64       `json:"offset"`
}

type job struct {
	Do         string    `json:"do"`
	Topic      string    `json:"topic"`
	Partition  int32     `json:"partition"`
	Partitions int32     `json:"partitions"`
	Codec      string    `json:"codec"`
	Acks       int16     `json:"acks"`
	Idempotent bool      `json:"idempotent"`
	PauseMs    int       `json:"pauseMs"`
	Messages   []message `json:"messages"`
	From       int64     `json:"from"`
	Count      int       `json:"count"`
	Committed  bool      `json:"committed"`
	ID         string    `json:"id"`
	Commit     bool      `json:"commit"`
	Group      string    `json:"group"`
	Kind       string    `json:"kind"`
	Instance   *string   `json:"instance"`
	Retention  string    `json:"retention"`
	Source     string    `json:"source"`
	To         string    `json:"to"`
	QuietLooks int       `json:"quietLooks"`
}

// unsupported says that a client has no such thing, which is no fault of the broker's.
type unsupported string

func (u unsupported) Error() string { return string(u) }

type client interface {
	produce(job) error
	transact(job) error
	move(job) (int, error)
	read(job) ([]message, error)
	join(job) error
	commit() error
	leave() error
	admin(job) (any, error)
}

// seen is what a member of a group was given until now.
type seen struct {
	lock     sync.Mutex
	assigned map[int32]bool
	values   []string
	failure  error
}

func (s *seen) give(partitions []int32) {
	s.lock.Lock()
	for _, partition := range partitions {
		s.assigned[partition] = true
	}
	s.lock.Unlock()
}

func (s *seen) take(partitions []int32) {
	s.lock.Lock()
	for _, partition := range partitions {
		delete(s.assigned, partition)
	}
	s.lock.Unlock()
}

func (s *seen) add(value []byte) {
	s.lock.Lock()
	s.values = append(s.values, string(value))
	s.lock.Unlock()
}

func (s *seen) fail(err error) {
	s.lock.Lock()
	s.failure = err
	s.lock.Unlock()
}

func (s *seen) show() (any, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	assigned := []int{}
	for partition := range s.assigned {
		assigned = append(assigned, int(partition))
	}
	sort.Ints(assigned)
	return map[string]any{"assigned": assigned, "values": append([]string{}, s.values...)}, s.failure
}

var member = &seen{assigned: map[int32]bool{}}

func run(c client, j job) (any, error) {
	switch j.Do {
	case "produce":
		return nil, c.produce(j)
	case "transact":
		return nil, c.transact(j)
	case "move":
		lives, err := c.move(j)
		return map[string]any{"lives": lives}, err
	case "read":
		return c.read(j)
	case "join":
		return nil, c.join(j)
	case "seen":
		return member.show()
	case "commit":
		return nil, c.commit()
	case "leave":
		return nil, c.leave()
	}
	return c.admin(j)
}

func bytesOf(text *string) []byte {
	if text == nil {
		return nil
	}
	return []byte(*text)
}

func textOf(data []byte) *string {
	if data == nil {
		return nil
	}
	text := string(data)
	return &text
}

func pause(j job) { time.Sleep(time.Duration(j.PauseMs) * time.Millisecond) }

func main() {
	broker := os.Args[2]
	var c client = &franz{broker: broker}
	if os.Args[1] == "sarama" {
		c = &saramaClient{broker: broker}
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var j job
		answer := map[string]any{}
		err := json.Unmarshal(lines.Bytes(), &j)
		if err == nil {
			answer["done"], err = run(c, j)
		}
		if _, is := err.(unsupported); is {
			answer = map[string]any{"unsupported": err.Error()}
		} else if err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		text, _ := json.Marshal(answer)
		fmt.Println(string(text))
	}
}
