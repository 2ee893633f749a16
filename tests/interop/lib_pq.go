// Application code over Go's lib/pq, against the node at 127.0.0.1:os.Args[1]. Prints nothing and ends with 0 when
// everything held; drivers_test.py runs it.
package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/lib/pq"
)

var place string
var key = time.Now().UnixNano() / 1000 // a node that is still there from an earlier run is fine

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func equal(got, wanted interface{}, what string) {
	if !reflect.DeepEqual(got, wanted) {
		panic(fmt.Sprintf("%s: got %v, wanted %v", what, got, wanted))
	}
}

func nextKey() int64 { key++; return key }

func refused(err error, code, constraint string) {
	var told *pq.Error
	if !errors.As(err, &told) {
		panic(fmt.Sprintf("an error of the server: got %v", err))
	}
	equal([]string{string(told.Code), told.Constraint}, []string{code, constraint}, "code and constraint of "+told.Message)
}

func open(options string) *sql.DB {
	db, err := sql.Open("postgres", place+options)
	must(err)
	return db
}

func valuesOfAllTypesComeBack(db *sql.DB) {
	id := nextKey()
	noon := time.Date(2030, 6, 1, 12, 0, 0, 123456000, time.UTC)
	_, err := db.Exec("INSERT INTO everything (id, b, i2, i4, i8, n, f4, f8, t, v, c, bytes, u, d, ts, tz, j, m, ia, ta)"+
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
		id, true, -5, 2147483647, int64(-9223372036854775808), "12.3400", 1.5, -1e300, "snow \u2603 'and' \\", "v", "ab",
		[]byte{0, 1, 255}, "12345678-9abc-def0-1234-56789abcdef0", "2024-02-29", noon, noon, `{"a": [1, null]}`, "happy",
		pq.Array([]int64{1, 2, 3}), pq.Array([]string{"", "a,b", `q"q`}))
	must(err)
	var b bool
	var i2, i4, i8 int64
	var n, t, v, c, u, m, j string
	var f4, f8 float64
	var raw []byte
	var d, ts, tz time.Time
	var ia []int64
	var ta []string
	var iv sql.NullString
	must(db.QueryRow("SELECT b, i2, i4, i8, n, f4, f8, t, v, c, bytes, u, d, ts, tz, j, m, ia, ta, iv FROM everything"+
		" WHERE id = $1", id).Scan(&b, &i2, &i4, &i8, &n, &f4, &f8, &t, &v, &c, &raw, &u, &d, &ts, &tz, &j, &m,
		pq.Array(&ia), pq.Array(&ta), &iv))
	equal([]interface{}{b, i2, i4, i8, n, f4, f8}, []interface{}{true, int64(-5), int64(2147483647),
		int64(-9223372036854775808), "12.3400", 1.5, -1e300}, "numbers")
	equal([]string{t, v, c, u, m, j}, []string{"snow \u2603 'and' \\", "v", "ab  ",
		"12345678-9abc-def0-1234-56789abcdef0", "happy", `{"a": [1, null]}`}, "texts")
	equal(bytes.Equal(raw, []byte{0, 1, 255}) && !iv.Valid, true, "bytes and NULL")
	equal(d.Format("2006-01-02"), "2024-02-29", "date")
	equal(ts.Equal(noon) && tz.Equal(noon), true, "times")
	equal(ia, []int64{1, 2, 3}, "integers")
	equal(ta, []string{"", "a,b", `q"q`}, "texts in an array")
}

func statementsAreReused(db *sql.DB) {
	statement, err := db.Prepare("SELECT $1::int + 1, $2::text")
	must(err)
	defer statement.Close()
	for n := 0; n < 10; n++ {
		var sum int
		var text string
		must(statement.QueryRow(n, "x").Scan(&sum, &text))
		equal([]interface{}{sum, text}, []interface{}{n + 1, "x"}, "use of a statement")
	}
}

func errorsCarryTheirFields(db *sql.DB) {
	_, err := db.Exec("INSERT INTO parents VALUES ($1, $2)", nextKey(), "z")
	refused(err, "23514", "no_z")
	_, err = db.Exec("INSERT INTO children VALUES ($1, -1, NULL)", nextKey())
	refused(err, "23503", "children_parent_fkey")
	_, err = db.Query("SELECT nme FROM parents")
	refused(err, "42703", "")
	_, err = db.Query("SELECT $1::int", "seven")
	refused(err, "22P02", "")
}

func hits(from interface {
	QueryRow(string, ...interface{}) *sql.Row
}, id int64) int64 {
	var out int64
	must(from.QueryRow("SELECT coalesce((SELECT hits FROM counters WHERE id = $1), 0)", id).Scan(&out))
	return out
}

func blocksCommitRollBackAndFail(db *sql.DB) {
	id := nextKey()
	block, err := db.Begin()
	must(err)
	for i := 0; i < 3; i++ {
		_, err = block.Exec("CALL hit($1, $2)", id, 5)
		must(err)
	}
	equal(hits(block, id), int64(15), "inside the block")
	must(block.Commit())
	block, err = db.Begin()
	must(err)
	_, err = block.Exec("CALL hit($1, $2)", id, -1)
	refused(err, "23514", "positive_check")
	_, err = block.Exec("SELECT 1")
	refused(err, "25P02", "")
	must(block.Rollback())
	equal(hits(db, id), int64(15), "after a rollback")
	var total int64
	var note string
	must(db.QueryRow("CALL hit_and_tell($1, 4, NULL, NULL)", id).Scan(&total, &note))
	equal(total, int64(19), "an OUT parameter")
}

func copyInsertsManyRows(db *sql.DB) {
	block, err := db.Begin()
	must(err)
	statement, err := block.Prepare(pq.CopyIn("made", "label"))
	must(err)
	label := fmt.Sprintf("copied %d", nextKey())
	for i := 0; i < 200; i++ {
		_, err = statement.Exec(label)
		must(err)
	}
	_, err = statement.Exec()
	must(err)
	must(statement.Close())
	must(block.Commit())
	var rows, keys int64
	must(db.QueryRow("SELECT count(*), count(DISTINCT id) FROM made WHERE label = $1", label).Scan(&rows, &keys))
	equal([]int64{rows, keys}, []int64{200, 200}, "copied rows")
}

func aContextThatEndsCancelsItsStatement(db *sql.DB) {
	limited, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer stop()
	var n int64
	err := db.QueryRowContext(limited, "SELECT count(*) FROM generate_series(1, 100000000000) AS n WHERE n % 7 = 8").Scan(&n)
	refused(err, "57014", "")
	must(db.QueryRow("SELECT 1").Scan(&n))
}

func aPoolServesManyAtOnce(db *sql.DB) {
	id := nextKey()
	db.SetMaxOpenConns(4)
	var all sync.WaitGroup
	for i := 0; i < 60; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			_, err := db.Exec("CALL hit($1, 1)", id)
			must(err)
		}()
	}
	all.Wait()
	equal(hits(db, id), int64(60), "hits of all goroutines")
	var made int64
	must(db.QueryRow("INSERT INTO made (label) VALUES ($1) RETURNING id", "new").Scan(&made))
	equal(made > 0, true, "a generated key")
}

func aListenerListens() {
	listener := pq.NewListener(place, time.Second, time.Second, nil)
	defer listener.Close()
	must(listener.Listen("anabranch_order"))
	must(listener.Ping())
}

func main() {
	place = fmt.Sprintf("postgres://app@127.0.0.1:%s/bank?sslmode=disable", os.Args[1])
	for _, options := range []string{"", "&binary_parameters=yes"} {
		db := open(options)
		valuesOfAllTypesComeBack(db)
		statementsAreReused(db)
		errorsCarryTheirFields(db)
		blocksCommitRollBackAndFail(db)
		copyInsertsManyRows(db)
		aContextThatEndsCancelsItsStatement(db)
		aPoolServesManyAtOnce(db)
		must(db.Close())
	}
	aListenerListens()
}
