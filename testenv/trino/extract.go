package trino

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// wanted reports whether a server that only reads Parquet in S3 needs the file: of
// sixty connectors it needs one, and of that not the part for HDFS.
func wanted(name string) bool {
	_, inside, _ := strings.Cut(name, "/")
	switch {
	case strings.HasPrefix(inside, "plugin/hive/hdfs/"):
		return false
	case strings.HasPrefix(inside, "plugin/"):
		return strings.HasPrefix(inside, "plugin/hive/")
	}
	return strings.HasPrefix(inside, "lib/")
}

// extract unpacks what is wanted of a gzipped tar file into dir. A file may stand in
// it as a link to an earlier one that is not wanted, so links are resolved in a second turn.
func extract(archive, dir string) error {
	missing := make(map[string][]string) // file in the archive -> names it must get
	err := eachEntry(archive, func(h *tar.Header, body io.Reader) error {
		if !wanted(h.Name) {
			return nil
		}
		switch h.Typeflag {
		case tar.TypeDir:
			return nil
		case tar.TypeReg:
			return unpack(dir, h.Name, body)
		case tar.TypeLink:
			if wanted(h.Linkname) {
				return copyFile(dir, h.Linkname, h.Name)
			}
			missing[h.Linkname] = append(missing[h.Linkname], h.Name)
			return nil
		}
		return fmt.Errorf("%s: entry of type %q", h.Name, h.Typeflag)
	})
	if err != nil || len(missing) == 0 {
		return err
	}
	err = eachEntry(archive, func(h *tar.Header, body io.Reader) error {
		names := missing[h.Name]
		delete(missing, h.Name)
		for i, name := range names {
			if i > 0 {
				if err := copyFile(dir, names[0], name); err != nil {
					return err
				}
			} else if err := unpack(dir, name, body); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("links to files that are not there: %v", missing)
	}
	return err
}

func eachEntry(archive string, do func(*tar.Header, io.Reader) error) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	r := tar.NewReader(zipped)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
		if err := do(h, r); err != nil {
			return fmt.Errorf("unpack %s: %w", archive, err)
		}
	}
}

// place is where an entry goes, which must be inside of dir.
func place(dir, name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("entry %q leads out of the archive", name)
	}
	path := filepath.Join(dir, name)
	return path, os.MkdirAll(filepath.Dir(path), 0o755)
}

func unpack(dir, name string, body io.Reader) error {
	path, err := place(dir, name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	return errors.Join(err, f.Close())
}

func copyFile(dir, from, to string) error {
	source, err := place(dir, from)
	if err != nil {
		return err
	}
	target, err := place(dir, to)
	if err != nil {
		return err
	}
	return os.Link(source, target)
}
