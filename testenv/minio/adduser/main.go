// Command adduser makes a user of a MinIO server whose only policy is the one on
// standard input. Tests of policies use it: the admin API encrypts what it is sent, so
// it takes MinIO's own client, which nothing else of ours shall depend on.
//
//	adduser ENDPOINT ROOT_USER ROOT_PASSWORD NAME PASSWORD < policy.json
package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/minio/madmin-go/v3"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "adduser:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 5 {
		return fmt.Errorf("want ENDPOINT ROOT_USER ROOT_PASSWORD NAME PASSWORD, got %d arguments", len(args))
	}
	endpoint, err := url.Parse(args[0])
	if err != nil {
		return err
	}
	policy, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	admin, err := madmin.New(endpoint.Host, args[1], args[2], endpoint.Scheme == "https")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	name, password := args[3], args[4]
	if err := admin.AddUser(ctx, name, password); err != nil {
		return fmt.Errorf("add user: %w", err)
	}
	if err := admin.AddCannedPolicy(ctx, name, policy); err != nil {
		return fmt.Errorf("add policy: %w", err)
	}
	if _, err := admin.AttachPolicy(ctx, madmin.PolicyAssociationReq{Policies: []string{name}, User: name}); err != nil {
		return fmt.Errorf("attach policy: %w", err)
	}
	return nil
}
