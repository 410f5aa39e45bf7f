//! What is written for each manager. Pure functions, which are tested on every system.

use crate::setup::service::launchd;
use crate::setup::service::systemd;

/// The service of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemService {
    /// The program, by a path that stays when it is updated.
    pub exe: String,
    /// `kache`; another name for development builds, which have a daemon of their own.
    pub name: String,
    /// The service account.
    pub user: String,
    /// Its home directory, for managers that do not set `HOME`.
    pub home: String,
}

/// The unit of systemd. As for a user's, there is no directive that needs a mount namespace. There is no socket unit: the
/// daemon listens where the builds of the service account look for it.
pub fn unit(service: &SystemService) -> String {
    let SystemService { exe, name, user, .. } = service;
    format!(
        "[Unit]
Description=kache build cache daemon of {user}
After=local-fs.target remote-fs.target
StartLimitIntervalSec=60
StartLimitBurst=5
[Service]
User={user}
{}[Install]
WantedBy=multi-user.target
",
        systemd::service_section(exe, name)
    )
}

/// The property list of launchd.
pub fn plist(service: &SystemService) -> String {
    let [label, exe, user] = [&format!("{}{}", launchd::PREFIX, service.name), &service.exe, &service.user]
        .map(|text| launchd::escaped(text));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>{label}</string>
	<key>UserName</key>
	<string>{user}</string>
	<key>ProgramArguments</key>
	<array>
		<string>{exe}</string>
		<string>daemon</string>
		<string>run</string>
		<string>--supervised=launchd</string>
	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>ThrottleInterval</key>
	<integer>10</integer>
	<key>ExitTimeOut</key>
	<integer>45</integer>
	<key>Umask</key>
	<integer>63</integer>
	<key>SoftResourceLimits</key>
	<dict>
		<key>NumberOfFiles</key>
		<integer>65536</integer>
	</dict>
</dict>
</plist>
"#
    )
}

/// The script of OpenRC.
pub fn openrc(service: &SystemService) -> String {
    let [exe, home] = [&service.exe, &service.home].map(|text| quoted(text));
    let user = &service.user;
    format!(
        r#"#!/sbin/openrc-run
description="kache build cache daemon of {user}"
supervisor=supervise-daemon
command={exe}
command_args="daemon run --supervised=openrc"
command_user={user}
respawn_delay=1
respawn_max=5
respawn_period=60
umask=077
rc_ulimit="-n 65536"
export HOME={home}

depend() {{
	need localmount
	use netmount
}}
"#
    )
}

/// The script of rc.d. `daemon` sets `HOME` to that of the service account.
pub fn rcd(service: &SystemService) -> String {
    let SystemService { exe, name, user, .. } = service;
    let exe = quoted(exe);
    // The name of a variable.
    let variable = name.replace('-', "_");
    format!(
        r#"#!/bin/sh
#
# PROVIDE: {variable}
# REQUIRE: LOGIN FILESYSTEMS
# KEYWORD: shutdown

. /etc/rc.subr

name="{variable}"
desc="kache build cache daemon of {user}"
rcvar="{variable}_enable"

load_rc_config "$name"
: ${{{variable}_enable:="NO"}}

program={exe}
pidfile="/var/run/$name.pid"
procname="/usr/sbin/daemon"
command="/usr/sbin/daemon"
command_args="-f -R 1 -P $pidfile -u {user} -- '$program' daemon run --supervised=rc.d"

run_rc_command "$1"
"#
    )
}

/// `text` as a word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
