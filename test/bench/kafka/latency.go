// Latency in open loop: the clock of a message starts when it was due, whenever it could be sent. One producer, one
// consumer that follows; prints one JSON object. Never waits for an answer before it sends the next message.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type percentiles struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
}

// gathered holds latencies in nanoseconds, from producer callbacks or from the consumer.
type gathered struct {
	lock  sync.Mutex
	times []int64
}

func (g *gathered) add(nanoseconds int64) {
	g.lock.Lock()
	g.times = append(g.times, nanoseconds)
	g.lock.Unlock()
}

func (g *gathered) milliseconds() percentiles {
	g.lock.Lock()
	defer g.lock.Unlock()
	sort.Slice(g.times, func(a, b int) bool { return g.times[a] < g.times[b] })
	at := func(share float64) float64 {
		if len(g.times) == 0 {
			return -1
		}
		return float64(g.times[int(share*float64(len(g.times)-1))]) / 1e6
	}
	return percentiles{at(0.5), at(0.99), at(0.999)}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// follow adds the latency of each message from place `first` on; it ends when it has seen all.
func follow(client *kgo.Client, first, total int, into *gathered, done chan<- struct{}) {
	for seen := 0; seen < total; {
		fetches := client.PollFetches(context.Background())
		now := time.Now().UnixNano()
		fetches.EachRecord(func(record *kgo.Record) {
			seen++
			if int(binary.LittleEndian.Uint64(record.Value[8:])) >= first {
				into.add(now - int64(binary.LittleEndian.Uint64(record.Value)))
			}
		})
	}
	close(done)
}

func main() {
	broker := flag.String("broker", "", "host:port")
	topic := flag.String("topic", "", "")
	partitions := flag.Int("partitions", 1, "")
	rate := flag.Float64("rate", 1000, "messages a second")
	size := flag.Int("size", 1024, "bytes of a value")
	warm := flag.Float64("warm", 3, "seconds that do not count")
	seconds := flag.Float64("seconds", 10, "")
	flag.Parse()

	producer, err := kgo.NewClient(kgo.SeedBrokers(*broker), kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(1_000_000), kgo.MaxBufferedBytes(1<<30))
	fail(err)
	places := map[int32]kgo.Offset{}
	for partition := 0; partition < *partitions; partition++ {
		places[int32(partition)] = kgo.NewOffset().AtStart()
	}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(*broker), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{*topic: places}))
	fail(err)

	total, first := int(*rate*(*warm+*seconds)), int(*rate**warm)
	var acked, arrived gathered
	done := make(chan struct{})
	go follow(consumer, first, total, &arrived, done)
	time.Sleep(700 * time.Millisecond)

	var waiting sync.WaitGroup
	waiting.Add(total)
	begin := time.Now()
	apart := 1e9 / *rate
	for place := 0; place < total; {
		due := min(int(float64(time.Since(begin).Nanoseconds())/apart)+1, total)
		for ; place < due; place++ {
			number, wanted := place, begin.UnixNano()+int64(float64(place)*apart)
			value := make([]byte, *size)
			binary.LittleEndian.PutUint64(value, uint64(wanted))
			binary.LittleEndian.PutUint64(value[8:], uint64(number))
			record := &kgo.Record{Topic: *topic, Value: value, Partition: int32(number % *partitions)}
			producer.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
				fail(err)
				if number >= first {
					acked.add(time.Now().UnixNano() - wanted)
				}
				waiting.Done()
			})
		}
		next := begin.Add(time.Duration(float64(place) * apart))
		time.Sleep(max(time.Until(next), 100*time.Microsecond))
	}
	waiting.Wait()
	achieved := float64(total) / time.Since(begin).Seconds()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		fail(fmt.Errorf("not every message arrived"))
	}
	fail(json.NewEncoder(os.Stdout).Encode(map[string]any{"achieved": achieved, "ack": acked.milliseconds(), "endToEnd": arrived.milliseconds()}))
}
