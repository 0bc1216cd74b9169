package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

type saramaClient struct {
	broker  string
	group   sarama.ConsumerGroup
	session sarama.ConsumerGroupSession
	cancel  context.CancelFunc
}

var saramaCodecs = map[string]sarama.CompressionCodec{"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD}

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.Retry.Max = 200
	c.Consumer.MaxWaitTime = 200 * time.Millisecond
	return c
}

func saramaMessage(j job, m message) *sarama.ProducerMessage {
	made := &sarama.ProducerMessage{Topic: j.Topic, Partition: j.Partition, Timestamp: time.UnixMilli(m.Timestamp)}
	if m.Key != nil {
		made.Key = sarama.StringEncoder(*m.Key)
	}
	if m.Value != nil {
		made.Value = sarama.StringEncoder(*m.Value)
	}
	for _, header := range m.Headers {
		made.Headers = append(made.Headers, sarama.RecordHeader{Key: []byte(header[0]), Value: []byte(header[1])})
	}
	return made
}

func saramaSend(producer sarama.AsyncProducer, j job) error {
	go func() {
		for _, m := range j.Messages {
			producer.Input() <- saramaMessage(j, m)
			pause(j)
		}
	}()
	for range j.Messages {
		select {
		case <-producer.Successes():
		case failed := <-producer.Errors():
			return failed
		case <-time.After(60 * time.Second):
			return errors.New("no answer")
		}
	}
	return nil
}

func (s *saramaClient) produce(j job) error {
	c := config()
	c.Producer.Compression = saramaCodecs[j.Codec]
	c.Producer.RequiredAcks = sarama.RequiredAcks(j.Acks)
	c.Producer.Idempotent = j.Idempotent
	if j.Idempotent {
		c.Net.MaxOpenRequests = 1
	}
	c.Producer.Flush.Frequency = 20 * time.Millisecond
	producer, err := sarama.NewAsyncProducer([]string{s.broker}, c)
	if err != nil {
		return err
	}
	defer producer.AsyncClose()
	return saramaSend(producer, j)
}

func (s *saramaClient) transact(j job) error {
	c := config()
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Transaction.ID = j.ID
	producer, err := sarama.NewAsyncProducer([]string{s.broker}, c)
	if err != nil {
		return err
	}
	defer producer.AsyncClose()
	if err := producer.BeginTxn(); err != nil {
		return err
	}
	if err := saramaSend(producer, j); err != nil {
		return err
	}
	if j.Commit {
		return producer.CommitTxn()
	}
	return producer.AbortTxn()
}

// move consumes, transforms and produces until nothing has come for a while. A failure ends both clients, and new ones go on.
func (s *saramaClient) move(j job) (int, error) {
	m := &saramaMover{to: j.To, group: j.Group}
	lives := 0
	for m.quiet < j.QuietLooks {
		lives++
		if err := s.moveOn(m, j); err != nil {
			m.quiet = 0
			time.Sleep(200 * time.Millisecond)
		}
	}
	return lives, nil
}

type saramaMover struct {
	producer  sarama.AsyncProducer
	to, group string
	heard     atomic.Bool
	begun     bool
	// quiet counts the looks since something has come.
	quiet  int
	failed chan error
}

func (m *saramaMover) look() {
	m.quiet++
	if m.heard.Swap(false) {
		m.quiet, m.begun = 0, true
	}
	if !m.begun {
		m.quiet = 0
	}
}

func (s *saramaClient) moveOn(m *saramaMover, j job) error {
	c := config()
	c.Producer.Idempotent, c.Net.MaxOpenRequests, c.Producer.RequiredAcks = true, 1, sarama.WaitForAll
	c.Producer.Transaction.ID, c.Producer.Transaction.Timeout = j.ID, 30*time.Second
	c.Producer.Retry.Max = 20
	c.Consumer.IsolationLevel, c.Consumer.Offsets.Initial, c.Consumer.Offsets.AutoCommit.Enable = sarama.ReadCommitted, sarama.OffsetOldest, false
	c.Consumer.Group.Session.Timeout, c.Consumer.Group.Heartbeat.Interval = 6*time.Second, 500*time.Millisecond
	producer, err := sarama.NewAsyncProducer([]string{s.broker}, c)
	if err != nil {
		return err
	}
	defer producer.AsyncClose()
	group, err := sarama.NewConsumerGroup([]string{s.broker}, j.Group, c)
	if err != nil {
		return err
	}
	defer group.Close()
	m.producer, m.failed = producer, make(chan error, 100)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if err := group.Consume(ctx, []string{j.Source}, m); err != nil {
				m.failed <- err
				return
			}
		}
	}()
	for m.quiet < j.QuietLooks {
		select {
		case err := <-m.failed:
			return err
		case <-time.After(500 * time.Millisecond):
			m.look()
		}
	}
	return nil
}

func (m *saramaMover) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (m *saramaMover) Cleanup(sarama.ConsumerGroupSession) error { return nil }

var oneTransaction sync.Mutex

func (m *saramaMover) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		batch := []*sarama.ConsumerMessage{}
		late := time.After(50 * time.Millisecond)
		for gathering := true; gathering && len(batch) < 500; {
			select {
			case r, more := <-claim.Messages():
				if !more {
					return nil
				}
				batch = append(batch, r)
			case <-late:
				gathering = false
			case <-session.Context().Done():
				return nil
			}
		}
		if len(batch) == 0 {
			continue
		}
		m.heard.Store(true)
		if err := m.moveBatch(batch, session); err != nil {
			select {
			case m.failed <- err:
			default:
			}
			return err
		}
	}
}

// The producer has one transaction at a time, and each partition is read by a goroutine of its own.
func (m *saramaMover) moveBatch(batch []*sarama.ConsumerMessage, session sarama.ConsumerGroupSession) error {
	oneTransaction.Lock()
	defer oneTransaction.Unlock()
	if session.Context().Err() != nil {
		return session.Context().Err()
	}
	if err := m.producer.BeginTxn(); err != nil {
		return err
	}
	go func(producer sarama.AsyncProducer) {
		for _, r := range batch {
			producer.Input() <- &sarama.ProducerMessage{Topic: m.to, Partition: 0, Value: sarama.StringEncoder("moved " + string(r.Value))}
		}
	}(m.producer)
	for range batch {
		select {
		case <-m.producer.Successes():
		case failed := <-m.producer.Errors():
			return failed
		}
	}
	if err := m.producer.AddMessageToTxn(batch[len(batch)-1], m.group, nil); err != nil {
		return err
	}
	return m.producer.CommitTxn()
}

func (s *saramaClient) read(j job) ([]message, error) {
	c := config()
	if j.Committed {
		c.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	consumer, err := sarama.NewConsumer([]string{s.broker}, c)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(j.Topic, j.Partition, j.From)
	if err != nil {
		return nil, err
	}
	defer partition.AsyncClose()
	found := []message{}
	late := time.After(20 * time.Second)
	for len(found) < j.Count {
		select {
		case r := <-partition.Messages():
			headers := [][2]string{}
			for _, header := range r.Headers {
				headers = append(headers, [2]string{string(header.Key), string(header.Value)})
			}
			found = append(found, message{Key: textOf(r.Key), Value: textOf(r.Value), Headers: headers, Timestamp: r.Timestamp.UnixMilli(), Offset: r.Offset})
		case <-late:
			return found, nil
		}
	}
	return found, nil
}

func (s *saramaClient) join(j job) error {
	c := config()
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Group.Session.Timeout = 6 * time.Second
	c.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	strategy := sarama.NewBalanceStrategyRange()
	switch j.Kind {
	case "consumer":
		return unsupported("sarama has no consumer protocol")
	case "cooperative":
		strategy = sarama.NewBalanceStrategyCooperativeSticky()
	}
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
	if j.Instance != nil {
		c.Consumer.Group.InstanceId = *j.Instance
	}
	group, err := sarama.NewConsumerGroup([]string{s.broker}, j.Group, c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.group, s.cancel = group, cancel
	go func() {
		for ctx.Err() == nil {
			if err := group.Consume(ctx, []string{j.Topic}, s); err != nil && ctx.Err() == nil {
				member.fail(err)
				return
			}
		}
	}()
	return nil
}

func (s *saramaClient) Setup(session sarama.ConsumerGroupSession) error {
	s.session = session
	return nil
}
func (s *saramaClient) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (s *saramaClient) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	member.give([]int32{claim.Partition()})
	defer member.take([]int32{claim.Partition()})
	for {
		select {
		case r, more := <-claim.Messages():
			if !more {
				return nil
			}
			member.add(r.Value)
			session.MarkMessage(r, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func (s *saramaClient) commit() error {
	s.session.Commit()
	return nil
}

func (s *saramaClient) leave() error {
	s.cancel()
	return s.group.Close()
}

func (s *saramaClient) admin(j job) (any, error) {
	admin, err := sarama.NewClusterAdmin([]string{s.broker}, config())
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	hour := "3600000"
	switch j.Do {
	case "createTopic":
		return nil, admin.CreateTopic(j.Topic, &sarama.TopicDetail{NumPartitions: j.Partitions, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &hour}}, false)
	case "growTopic":
		return nil, admin.CreatePartitions(j.Topic, j.Partitions, nil, false)
	case "alterTopic":
		entry := sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &j.Retention}
		return nil, admin.IncrementalAlterConfig(sarama.TopicResource, j.Topic, map[string]sarama.IncrementalAlterConfigsEntry{"retention.ms": entry}, false)
	case "deleteTopic":
		return nil, admin.DeleteTopic(j.Topic)
	case "groups":
		groups, err := admin.ListConsumerGroups()
		names := []string{}
		for name := range groups {
			names = append(names, name)
		}
		return names, err
	}
	topics, err := admin.DescribeTopics([]string{j.Topic})
	if err != nil {
		return nil, err
	}
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: j.Topic, ConfigNames: []string{"retention.ms"}})
	if err != nil {
		return nil, err
	}
	return map[string]any{"partitions": len(topics[0].Partitions), "retention": entries[0].Value}, nil
}
