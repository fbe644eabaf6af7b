// What a host sees of the file system: the machine's own, with the host's folders laid over it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ownFolders are the directories a host has for itself; they lie in <state>/hosts/N/fs.
var ownFolders = []string{"/etc/k0s", "/etc/embedded-cluster", "/run/k0s", "/run/systemd", "/var/lib/k0s", "/var/lib/quorate", dataDir, "/var/log"}

func makeHostDirs(h Host) error {
	for _, dir := range ownFolders {
		if err := os.MkdirAll(h.fs(dir), 0o755); err != nil {
			return err
		}
	}
	// Programs look for this folder to tell whether a host runs systemd.
	if err := os.MkdirAll(filepath.Join(h.fs("/run/systemd"), "system"), 0o755); err != nil {
		return err
	}
	for _, dir := range []string{"bin", "hold", "outer"} {
		if err := os.MkdirAll(filepath.Join(h.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	if err := writeHostTools(h); err != nil {
		return err
	}
	return writeJSON(filepath.Join(h.Dir, "host.json"), h)
}

// mountOwnProc gives a new mount namespace a /proc of the new PID namespace and keeps mounts from leaking out.
func mountOwnProc() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}

// shadowed are the machine's directories that a host has for itself; what else lies in them is linked, read-only.
var shadowed = []string{"/etc", "/run", "/var", "/usr/local/bin"}

// mountHost runs as the host's PID 1 in its new mount namespace.
func mountHost(h Host) error {
	outer := filepath.Join(h.Dir, "outer")
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := bindOuter(outer); err != nil {
		return err
	}
	if err := mountOwnProc(); err != nil {
		return err
	}
	if err := syscall.Mount("sysfs", "/sys", "sysfs", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	for _, dir := range shadowed {
		if err := shadow(outer, dir); err != nil {
			return err
		}
	}
	if err := refill(outer, "/var/lib"); err != nil {
		return err
	}
	for _, dir := range ownFolders {
		os.Remove(dir) // the machine's own, if it has one, is only a link here
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(h.fs(dir), dir, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s: %w", dir, err)
		}
	}
	return writeIdentity(h)
}

// bindOuter keeps the machine's own directories in sight below `outer`, before they are mounted over.
func bindOuter(outer string) error {
	for _, dir := range shadowed {
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
			continue
		}
		if err := os.MkdirAll(outer+dir, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(dir, outer+dir, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return fmt.Errorf("bind %s: %w", dir, err)
		}
		// Not always allowed in a user namespace; removeState looks for mounts in any case.
		syscall.Mount("", outer+dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	}
	return nil
}

// removeState removes a lab's directory, but never from inside a host, where the machine's directories are bound below it.
func removeState(state string) error {
	places, _ := filepath.Glob(filepath.Join(state, "hosts", "*", "outer"))
	for _, outer := range places {
		for _, dir := range shadowed {
			if entries, err := os.ReadDir(outer + dir); err == nil && len(entries) > 0 {
				return fmt.Errorf("%s%s is not empty: this is the inside of a host; run it outside", outer, dir)
			}
		}
	}
	return os.RemoveAll(state)
}

// shadow mounts an empty file system over a directory and fills it with links to what lay there.
func shadow(outer, dir string) error {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return nil
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount over %s: %w", dir, err)
	}
	return linkAll(outer, dir)
}

// refill turns the link to a directory inside a shadowed one into a directory of links.
func refill(outer, dir string) error {
	os.Remove(dir)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return linkAll(outer, dir)
}

func linkAll(outer, dir string) error {
	entries, err := os.ReadDir(outer + dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		target := outer + path
		if own, err := os.Readlink(target); err == nil && entry.Type()&os.ModeSymlink != 0 {
			target = own
		}
		if err := os.Symlink(target, path); err != nil {
			return err
		}
	}
	return nil
}

// writeIdentity gives the host its own name files and k0s command.
func writeIdentity(h Host) error {
	hosts := "127.0.0.1 localhost\n" + h.ip() + " " + h.name() + "\n"
	id := fmt.Sprintf("%032x\n", 0x0b5e0000+h.N)
	for path, text := range map[string]string{"/etc/hostname": h.name() + "\n", "/etc/hosts": hosts, "/etc/machine-id": id} {
		os.Remove(path)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if info, err := os.Lstat("/usr/local/bin"); err == nil && info.IsDir() {
		os.Remove("/usr/local/bin/k0s")
		return os.Symlink(filepath.Join(h.Dir, "bin", "k0s"), "/usr/local/bin/k0s")
	}
	return nil
}

// writeHostTools writes the commands that `lab exec` puts first in PATH.
func writeHostTools(h Host) error {
	tools := map[string]string{
		"kubectl": fmt.Sprintf("export KUBECONFIG=\"${KUBECONFIG:-%s/admin.conf}\" KUBECACHEDIR=/run/k0s/kube-cache\nexec %s/kubectl \"$@\"\n", pkiDir, h.Bin),
		"etcdctl": fmt.Sprintf("p=%s\nexport ETCDCTL_ENDPOINTS=\"${ETCDCTL_ENDPOINTS:-https://127.0.0.1:2379}\" ETCDCTL_CACERT=$p/etcd/ca.crt "+
			"ETCDCTL_CERT=$p/apiserver-etcd-client.crt ETCDCTL_KEY=$p/apiserver-etcd-client.key\nexec %s/etcdctl \"$@\"\n", pkiDir, h.Bin),
	}
	for _, name := range []string{"k0s", "systemctl", "journalctl"} {
		tools[name] = fmt.Sprintf("exec %s host %s %s \"$@\"\n", h.Self, h.Dir, name)
	}
	for name, body := range tools {
		if strings.ContainsAny(h.Bin+h.Dir+h.Self, " '\"$") {
			return fmt.Errorf("no blanks or quotes in paths, please: %s %s", h.Bin, h.Dir)
		}
		if err := os.WriteFile(filepath.Join(h.Dir, "bin", name), []byte("#!/bin/sh\n"+body), 0o755); err != nil {
			return err
		}
	}
	return nil
}
