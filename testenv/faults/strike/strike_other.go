//go:build !linux || !amd64

package strike

import "errors"

// Supported says whether this machine can run a Plan.
const Supported = false

func (p *Plan) run([]string) (int, error) {
	return 1, errors.New("only linux/amd64 is supported")
}
