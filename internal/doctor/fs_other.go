//go:build !linux

package doctor

func fileSystem(string) (kind string, known bool, err error) { return "", false, nil }
