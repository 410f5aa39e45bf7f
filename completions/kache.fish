# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_kache_global_optspecs
    string join \n h/help V/version
end

function __fish_kache_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_kache_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_kache_using_subcommand
    set -l cmd (__fish_kache_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c kache -n "__fish_kache_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kache -n "__fish_kache_needs_command" -s V -l version -d 'Print version'
complete -c kache -n "__fish_kache_needs_command" -f -a "init" -d 'Have cargo call kache, and prove that it does'
complete -c kache -n "__fish_kache_needs_command" -f -a "doctor" -d 'Check whether all is well, and put right what is not'
complete -c kache -n "__fish_kache_needs_command" -f -a "stats" -d 'Show what the cache did: hits, misses and why, time saved, bytes, the store\'s size'
complete -c kache -n "__fish_kache_needs_command" -f -a "list" -d 'List what is in the store'
complete -c kache -n "__fish_kache_needs_command" -f -a "why-miss" -d 'Tell why a crate was compiled and not served from the store'
complete -c kache -n "__fish_kache_needs_command" -f -a "gc" -d 'Remove what was not used for longest, and what nothing refers to'
complete -c kache -n "__fish_kache_needs_command" -f -a "purge" -d 'Remove everything, or all of one crate'
complete -c kache -n "__fish_kache_needs_command" -f -a "uninstall" -d 'Have cargo call the compiler alone again, and remove what init made'
complete -c kache -n "__fish_kache_needs_command" -f -a "self-update" -d 'Replace this program by the newest release, if the installer put it here'
complete -c kache -n "__fish_kache_needs_command" -f -a "config" -d 'Show every setting, its value, and where it came from'
complete -c kache -n "__fish_kache_needs_command" -f -a "daemon" -d 'Show how the daemon is; start and stop it'
complete -c kache -n "__fish_kache_needs_command" -f -a "try" -d 'Build a workspace with and without kache in a temporary directory, and compare'
complete -c kache -n "__fish_kache_needs_command" -f -a "completions" -d 'Print what a shell needs to complete these commands'
complete -c kache -n "__fish_kache_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kache -n "__fish_kache_using_subcommand init" -l wrapper-path -d 'How cargo\'s configuration names this program' -r -f -a "auto\t'By a path that stays right when it is updated'
name\t'By its name, to be found in PATH: for a configuration that several machines share'
abs\t'By the path that it is at now'"
complete -c kache -n "__fish_kache_using_subcommand init" -s y -l yes -d 'Do it without asking'
complete -c kache -n "__fish_kache_using_subcommand init" -l check -l dry-run -d 'Show what would be done, and do nothing; ends with 2 if there is something to do'
complete -c kache -n "__fish_kache_using_subcommand init" -l json -d 'Print one JSON object instead of text; asks nothing, so it goes with -y or --check'
complete -c kache -n "__fish_kache_using_subcommand init" -l no-service -d 'Leave the login service out'
complete -c kache -n "__fish_kache_using_subcommand init" -l linger -d 'Start the service when the machine starts, and not at login: for machines that build with nobody logged in'
complete -c kache -n "__fish_kache_using_subcommand init" -l undo -d 'Take back what earlier runs of init did'
complete -c kache -n "__fish_kache_using_subcommand init" -l allow-root -d 'Go on as root in the place of another user (sudo)'
complete -c kache -n "__fish_kache_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l fix -d 'Put right what can be, after showing what would be done'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l project -d 'Change files of the repository here as well, where they set sccache'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l purge-sccache -d 'Remove sccache\'s own cache from this disk as well'
complete -c kache -n "__fish_kache_using_subcommand doctor" -s y -l yes -d 'Do it without asking'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l check -l dry-run -d 'Show what would be put right, and do nothing; ends with 2 if there is something'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l verify -d 'Read the whole store again, and take out of service what is not as it was stored'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l rebuild-index -d 'Make the index anew from the store'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l online -d 'Ask for the newest release as well; nothing else leaves this machine'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l report -d 'Print what to send along with a report of a defect: without the names of the user, the home and the project'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l json -d 'Print one JSON object instead of text; asks nothing, so --fix then goes with -y or --check'
complete -c kache -n "__fish_kache_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand stats" -l since -d 'Only what happened within this time, such as 24h or 7d; records are kept for 30 days' -r
complete -c kache -n "__fish_kache_using_subcommand stats" -l json -d 'Print one JSON object instead of tables'
complete -c kache -n "__fish_kache_using_subcommand stats" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand list" -l sort -d 'In which order' -r -f -a "name\t'By crate'
size\t'Largest first'
hits\t'Most often served first'
age\t'Longest unused first'"
complete -c kache -n "__fish_kache_using_subcommand list" -l inputs -d 'Show what each entry depends on and how that was learnt, instead of how large it is'
complete -c kache -n "__fish_kache_using_subcommand list" -l json -d 'Print one JSON object instead of a table'
complete -c kache -n "__fish_kache_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kache -n "__fish_kache_using_subcommand why-miss" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand why-miss" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand gc" -l max-age -d 'Remove entries that were not used for this long, such as 7d, even if there is room for them' -r
complete -c kache -n "__fish_kache_using_subcommand gc" -l grace -d 'Keep what was made or used within this time: a build that is running may need it' -r
complete -c kache -n "__fish_kache_using_subcommand gc" -l dry-run -d 'Show what would be removed, and remove nothing'
complete -c kache -n "__fish_kache_using_subcommand gc" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand gc" -l automatic -d 'Started by a build: say nothing, and do nothing unless there is a need'
complete -c kache -n "__fish_kache_using_subcommand gc" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand purge" -l crate-name -d 'Only the entries of this crate or package' -r
complete -c kache -n "__fish_kache_using_subcommand purge" -l dry-run -d 'Show what would be removed, and remove nothing'
complete -c kache -n "__fish_kache_using_subcommand purge" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand purge" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -s y -l yes -d 'Do it without asking'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -l check -l dry-run -d 'Show what would be done, and do nothing; ends with 2 if there is something to do'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -l json -d 'Print one JSON object instead of text; asks nothing, so it goes with -y or --check'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -l purge -d 'Remove the store, the records, and the journal of what was changed as well'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -l allow-root -d 'Go on as root in the place of another user (sudo)'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand self-update" -s y -l yes -d 'Do it without asking'
complete -c kache -n "__fish_kache_using_subcommand self-update" -l check -l dry-run -d 'Show what would be done, and do nothing; ends with 2 if there is something to do'
complete -c kache -n "__fish_kache_using_subcommand self-update" -l json -d 'Print one JSON object instead of text; asks nothing, so it goes with -y or --check'
complete -c kache -n "__fish_kache_using_subcommand self-update" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand config" -l json -d 'Print one JSON object instead of a table'
complete -c kache -n "__fish_kache_using_subcommand config" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -l json -d 'Print one JSON object instead of a table'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "run" -d 'Run the daemon here, until it is stopped'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "status" -d 'Show how it is, as `kache daemon` alone does'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "start" -d 'Start it, if it does not run'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "stop" -d 'Stop it'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "restart" -d 'Start its program anew; requests that come meanwhile wait and are answered'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "install" -d 'Start it at every login, and now'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "uninstall" -d 'Stop starting it at login, and end it'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "log" -d 'Print the end of its log'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "preflight" -d 'Say that this binary can run here, and what it is'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from run" -l supervised -d 'Who starts it again when it ends' -r -f -a "systemd\t''
launchd\t''
task\t''"
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from run" -l exe -d 'The path to look at for another version' -r -F
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from run" -l handover -d 'What the version before this one passed on' -r
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from status" -l json -d 'Print one JSON object instead of a table'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from restart" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from install" -l dry-run -l check -d 'Show what would be changed, and change nothing; ends with 2 if there is something to change'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from install" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from uninstall" -l dry-run -l check -d 'Show what would be changed, and change nothing; ends with 2 if there is something to change'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from uninstall" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from uninstall" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from log" -s n -l lines -d 'How many lines' -r
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from log" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from preflight" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "run" -d 'Run the daemon here, until it is stopped'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show how it is, as `kache daemon` alone does'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "start" -d 'Start it, if it does not run'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "stop" -d 'Stop it'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "restart" -d 'Start its program anew; requests that come meanwhile wait and are answered'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "install" -d 'Start it at every login, and now'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "uninstall" -d 'Stop starting it at login, and end it'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "log" -d 'Print the end of its log'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "preflight" -d 'Say that this binary can run here, and what it is'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kache -n "__fish_kache_using_subcommand try" -l remove-after -d 'Remove the temporary directory DIR when standard input ends' -r -F
complete -c kache -n "__fish_kache_using_subcommand try" -l release -d 'Build with optimizations'
complete -c kache -n "__fish_kache_using_subcommand try" -l json -d 'Print one JSON object instead of a table'
complete -c kache -n "__fish_kache_using_subcommand try" -l keep -d 'Leave the temporary directory where it is, with the store and the last build'
complete -c kache -n "__fish_kache_using_subcommand try" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand completions" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "init" -d 'Have cargo call kache, and prove that it does'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "doctor" -d 'Check whether all is well, and put right what is not'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "stats" -d 'Show what the cache did: hits, misses and why, time saved, bytes, the store\'s size'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "list" -d 'List what is in the store'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "why-miss" -d 'Tell why a crate was compiled and not served from the store'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "gc" -d 'Remove what was not used for longest, and what nothing refers to'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "purge" -d 'Remove everything, or all of one crate'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "uninstall" -d 'Have cargo call the compiler alone again, and remove what init made'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "self-update" -d 'Replace this program by the newest release, if the installer put it here'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "config" -d 'Show every setting, its value, and where it came from'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "daemon" -d 'Show how the daemon is; start and stop it'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "try" -d 'Build a workspace with and without kache in a temporary directory, and compare'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "completions" -d 'Print what a shell needs to complete these commands'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats list why-miss gc purge uninstall self-update config daemon try completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "run" -d 'Run the daemon here, until it is stopped'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "status" -d 'Show how it is, as `kache daemon` alone does'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "start" -d 'Start it, if it does not run'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "stop" -d 'Stop it'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "restart" -d 'Start its program anew; requests that come meanwhile wait and are answered'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "install" -d 'Start it at every login, and now'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "uninstall" -d 'Stop starting it at login, and end it'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "log" -d 'Print the end of its log'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "preflight" -d 'Say that this binary can run here, and what it is'
