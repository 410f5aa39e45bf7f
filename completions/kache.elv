
use builtin;
use str;

set edit:completion:arg-completer[kache] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'kache'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'kache'= {
            cand --color 'When to use colors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand init 'Configure cargo to use kache, and verify it'
            cand doctor 'Check the installation and fix problems'
            cand stats 'Show cache statistics: hits, misses, time saved, and disk usage'
            cand report 'Report what the cache was worth: as text, JSON, Markdown, or a page with a timeline'
            cand monitor 'Show what kache does while a build runs'
            cand list 'List the entries of the store'
            cand why-miss 'Explain why crates were not served from the cache: one, or those of the last build'
            cand gc 'Reduce the store to its size limit, and remove unreferenced files'
            cand harvest 'Keep what cargo wrote in the last build, to fill new build directories with it'
            cand purge 'Remove all entries, or those of one crate'
            cand clean 'Remove build directories of cargo: by choice, unused ones, or those of deleted projects'
            cand sync 'Share entries with other machines through the remote'
            cand save-manifest 'Share what the last build consisted of, so that others can fill new build directories with it'
            cand remote 'Manage keys for the remote'
            cand uninstall 'Restore the cargo configuration, and remove what init created'
            cand self-update 'Update kache to the latest release'
            cand config 'Show the settings in effect and where they come from'
            cand daemon 'Manage the daemon'
            cand try 'Build a workspace with and without kache in a temporary directory, and compare'
            cand completions 'Generate shell completions'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kache;init'= {
            cand --wrapper-path 'How the cargo configuration refers to kache'
            cand --color 'When to use colors'
            cand -y 'Apply the changes without asking'
            cand --yes 'Apply the changes without asking'
            cand --dry-run 'Show the changes without making them; exit with 2 if there are any'
            cand --check 'Show the changes without making them; exit with 2 if there are any'
            cand -v 'Show the content of new files, too'
            cand --verbose 'Show the content of new files, too'
            cand --json 'Print one JSON object instead of text; requires -y or --dry-run'
            cand --no-service 'Do not install the login service'
            cand --linger 'Start the service at boot instead of at login, for machines that build with no user logged in'
            cand --undo 'Revert the changes of earlier runs of init'
            cand --allow-root 'Allow running as root through sudo'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'kache;doctor'= {
            cand --color 'When to use colors'
            cand --fix 'Fix problems, after showing the changes'
            cand --project 'Also change files of the current repository that configure sccache'
            cand --purge-sccache 'Also remove the local cache of sccache'
            cand -y 'Apply the changes without asking'
            cand --yes 'Apply the changes without asking'
            cand --dry-run 'Show the fixes without making them; exit with 2 if there are any'
            cand --check 'Show the fixes without making them; exit with 2 if there are any'
            cand --verify 'Verify the content of the whole store, and quarantine what was altered'
            cand --rebuild-index 'Rebuild the index from the store'
            cand --online 'Also check for a newer release, and whether the remote can be used; only this uses the network'
            cand --report 'Print a report for bug reports, without the names of the user, home directory and project'
            cand -v 'Show all checks, not only notes and problems'
            cand --verbose 'Show all checks, not only notes and problems'
            cand --json 'Print one JSON object instead of text; with --fix, requires -y or --dry-run'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;stats'= {
            cand --since 'Only builds within this time, such as 24h or 7d; records are kept for 30 days'
            cand --color 'When to use colors'
            cand --json 'Print one JSON object instead of tables'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;report'= {
            cand --format 'The form of the report'
            cand --since 'Only builds within this time, such as 24h or 7d; records are kept for 30 days'
            cand --output 'Write the report to this file instead of standard output'
            cand --color 'When to use colors'
            cand --last-build 'Only the last build'
            cand --json 'Print one JSON object instead of text: another spelling of --format json'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'kache;monitor'= {
            cand --since 'Show builds within this time, such as 24h or 7d'
            cand --color 'When to use colors'
            cand --once 'Print the screen once, as text, and exit'
            cand --json 'Print one JSON object per line instead of text'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;list'= {
            cand --crate-name 'The crate or package: another spelling of CRATE'
            cand --sort 'Sort order'
            cand --color 'When to use colors'
            cand --inputs 'Show the inputs of each entry and how they were learned, instead of its size'
            cand --json 'Print one JSON object instead of a table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'kache;why-miss'= {
            cand --crate-name 'The crate or package: another spelling of CRATE'
            cand --color 'When to use colors'
            cand --json 'Print one JSON object instead of text'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;gc'= {
            cand --max-age 'Also remove entries unused for this long, such as 7d'
            cand --grace 'Keep entries made or used within this time, which a running build may need'
            cand --color 'When to use colors'
            cand --dry-run 'Show what would be removed, without removing anything'
            cand --check 'Show what would be removed, without removing anything'
            cand --json 'Print one JSON object instead of text'
            cand --automatic 'Started by a build: print nothing, and do nothing unless needed'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;harvest'= {
            cand --color 'When to use colors'
            cand --json 'Print one JSON object instead of text'
            cand --automatic 'Started by a build: wait for its end, and print nothing'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;purge'= {
            cand --crate-name 'The crate or package: another spelling of CRATE'
            cand --color 'When to use colors'
            cand --dry-run 'Show what would be removed, without removing anything'
            cand --check 'Show what would be removed, without removing anything'
            cand --json 'Print one JSON object instead of text'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;clean'= {
            cand --stale 'Choose build directories that were not used for this long, such as 14d'
            cand --color 'When to use colors'
            cand --dry-run 'Show what would be removed, without removing anything'
            cand --check 'Show what would be removed, without removing anything'
            cand --orphans 'Choose build directories whose projects are gone'
            cand --all 'Choose all build directories'
            cand -y 'Remove what is chosen without asking; requires --stale, --orphans or --all'
            cand --yes 'Remove what is chosen without asking; requires --stale, --orphans or --all'
            cand --json 'Print one JSON object instead of text; requires -y or --dry-run'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;sync'= {
            cand --color 'When to use colors'
            cand --pull 'Fetch entries from the remote'
            cand --push 'Send entries to the remote'
            cand --all 'Transfer everything, not only what this workspace can use'
            cand --dry-run 'Show what would be transferred, without transferring anything'
            cand --check 'Show what would be transferred, without transferring anything'
            cand --json 'Print one JSON object instead of text'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;save-manifest'= {
            cand --namespace 'The namespace to share it in [default: `cache.remote.namespace`]'
            cand --color 'When to use colors'
            cand --json 'Print one JSON object instead of text'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;remote'= {
            cand --color 'When to use colors'
            cand -h 'Print help'
            cand --help 'Print help'
            cand keygen 'Create a key pair to sign entries with'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kache;remote;keygen'= {
            cand --file 'Where to write the secret key [default: kache/remote.key in the user''s configuration directory]'
            cand --color 'When to use colors'
            cand --json 'Print one JSON object instead of text'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;remote;help'= {
            cand keygen 'Create a key pair to sign entries with'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kache;remote;help;keygen'= {
        }
        &'kache;remote;help;help'= {
        }
        &'kache;uninstall'= {
            cand --color 'When to use colors'
            cand -y 'Apply the changes without asking'
            cand --yes 'Apply the changes without asking'
            cand --dry-run 'Show the changes without making them; exit with 2 if there are any'
            cand --check 'Show the changes without making them; exit with 2 if there are any'
            cand -v 'Show the content of new files, too'
            cand --verbose 'Show the content of new files, too'
            cand --json 'Print one JSON object instead of text; requires -y or --dry-run'
            cand --purge 'Also remove the store, the records, and the journal of changes'
            cand --self 'Also remove this program, if kache''s installer put it here'
            cand --allow-root 'Allow running as root through sudo'
            cand --by-installer 'Called by an installer, which removes the program next'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;self-update'= {
            cand --color 'When to use colors'
            cand -y 'Apply the changes without asking'
            cand --yes 'Apply the changes without asking'
            cand --dry-run 'Show the changes without making them; exit with 2 if there are any'
            cand --check 'Show the changes without making them; exit with 2 if there are any'
            cand -v 'Show the content of new files, too'
            cand --verbose 'Show the content of new files, too'
            cand --json 'Print one JSON object instead of text; requires -y or --dry-run'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;config'= {
            cand --color 'When to use colors'
            cand --json 'Print one JSON object instead of a table'
            cand -h 'Print help'
            cand --help 'Print help'
            cand get 'Print the value of one setting'
            cand set 'Set a setting in the user''s configuration file, or in the project''s'
            cand unset 'Remove a setting from the user''s configuration file, or from the project''s'
            cand undo 'Take back the last change of a configuration file that was made with these commands'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kache;config;get'= {
            cand --color 'When to use colors'
            cand --json 'Print one JSON object instead of the value'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;config;set'= {
            cand --color 'When to use colors'
            cand --project 'Change the project''s .kache.toml instead of the user''s file'
            cand --dry-run 'Show the change without making it; exit with 2 if there is any'
            cand --check 'Show the change without making it; exit with 2 if there is any'
            cand --json 'Print one JSON object instead of text'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;config;unset'= {
            cand --color 'When to use colors'
            cand --project 'Change the project''s .kache.toml instead of the user''s file'
            cand --dry-run 'Show the change without making it; exit with 2 if there is any'
            cand --check 'Show the change without making it; exit with 2 if there is any'
            cand --json 'Print one JSON object instead of text'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;config;undo'= {
            cand --color 'When to use colors'
            cand --dry-run 'Show the change without making it; exit with 2 if there is any'
            cand --check 'Show the change without making it; exit with 2 if there is any'
            cand --json 'Print one JSON object instead of text'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;config;help'= {
            cand get 'Print the value of one setting'
            cand set 'Set a setting in the user''s configuration file, or in the project''s'
            cand unset 'Remove a setting from the user''s configuration file, or from the project''s'
            cand undo 'Take back the last change of a configuration file that was made with these commands'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kache;config;help;get'= {
        }
        &'kache;config;help;set'= {
        }
        &'kache;config;help;unset'= {
        }
        &'kache;config;help;undo'= {
        }
        &'kache;config;help;help'= {
        }
        &'kache;daemon'= {
            cand --color 'When to use colors'
            cand --json 'Print one JSON object instead of a table'
            cand -h 'Print help'
            cand --help 'Print help'
            cand run 'Run the daemon in the foreground'
            cand status 'Show the status of the daemon (the default)'
            cand start 'Start the daemon, unless it is running'
            cand stop 'Stop the daemon, after it has sent what is queued for the remote'
            cand restart 'Restart the daemon without dropping requests'
            cand install 'Install the daemon as a login service, and start it'
            cand uninstall 'Stop the daemon, and remove the login service'
            cand log 'Print the end of the log'
            cand preflight 'Check that this binary can run here, and print its version'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kache;daemon;run'= {
            cand --supervised 'The supervisor that restarts the daemon'
            cand --exe 'The path to watch for another version'
            cand --handover 'The state handed over by the previous version'
            cand --color 'When to use colors'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;status'= {
            cand --color 'When to use colors'
            cand --json 'Print one JSON object instead of a table'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;start'= {
            cand --color 'When to use colors'
            cand --for-build 'Start it only where a build may: not where a service does, or somebody stopped it'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;stop'= {
            cand --color 'When to use colors'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;restart'= {
            cand --color 'When to use colors'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;install'= {
            cand --user 'The service account that runs the builds and the daemon'
            cand --color 'When to use colors'
            cand --dry-run 'Show the changes without making them; exit with 2 if there are any'
            cand --check 'Show the changes without making them; exit with 2 if there are any'
            cand -v 'Show the content of new files, too'
            cand --verbose 'Show the content of new files, too'
            cand --json 'Print one JSON object instead of text'
            cand --system 'Install a system service for a build server, which starts with the machine; requires root'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;uninstall'= {
            cand --color 'When to use colors'
            cand --dry-run 'Show the changes without making them; exit with 2 if there are any'
            cand --check 'Show the changes without making them; exit with 2 if there are any'
            cand -v 'Show the content of new files, too'
            cand --verbose 'Show the content of new files, too'
            cand --json 'Print one JSON object instead of text'
            cand --system 'Remove the system service; requires root'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;log'= {
            cand -n 'Number of lines'
            cand --lines 'Number of lines'
            cand --color 'When to use colors'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;preflight'= {
            cand --color 'When to use colors'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;help'= {
            cand run 'Run the daemon in the foreground'
            cand status 'Show the status of the daemon (the default)'
            cand start 'Start the daemon, unless it is running'
            cand stop 'Stop the daemon, after it has sent what is queued for the remote'
            cand restart 'Restart the daemon without dropping requests'
            cand install 'Install the daemon as a login service, and start it'
            cand uninstall 'Stop the daemon, and remove the login service'
            cand log 'Print the end of the log'
            cand preflight 'Check that this binary can run here, and print its version'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kache;daemon;help;run'= {
        }
        &'kache;daemon;help;status'= {
        }
        &'kache;daemon;help;start'= {
        }
        &'kache;daemon;help;stop'= {
        }
        &'kache;daemon;help;restart'= {
        }
        &'kache;daemon;help;install'= {
        }
        &'kache;daemon;help;uninstall'= {
        }
        &'kache;daemon;help;log'= {
        }
        &'kache;daemon;help;preflight'= {
        }
        &'kache;daemon;help;help'= {
        }
        &'kache;try'= {
            cand --remove-after 'Remove the temporary directory DIR when standard input ends'
            cand --color 'When to use colors'
            cand --release 'Build with optimizations'
            cand --json 'Print one JSON object instead of a table'
            cand --keep 'Keep the temporary directory, with the store and the last build'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;completions'= {
            cand --color 'When to use colors'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;help'= {
            cand init 'Configure cargo to use kache, and verify it'
            cand doctor 'Check the installation and fix problems'
            cand stats 'Show cache statistics: hits, misses, time saved, and disk usage'
            cand report 'Report what the cache was worth: as text, JSON, Markdown, or a page with a timeline'
            cand monitor 'Show what kache does while a build runs'
            cand list 'List the entries of the store'
            cand why-miss 'Explain why crates were not served from the cache: one, or those of the last build'
            cand gc 'Reduce the store to its size limit, and remove unreferenced files'
            cand harvest 'Keep what cargo wrote in the last build, to fill new build directories with it'
            cand purge 'Remove all entries, or those of one crate'
            cand clean 'Remove build directories of cargo: by choice, unused ones, or those of deleted projects'
            cand sync 'Share entries with other machines through the remote'
            cand save-manifest 'Share what the last build consisted of, so that others can fill new build directories with it'
            cand remote 'Manage keys for the remote'
            cand uninstall 'Restore the cargo configuration, and remove what init created'
            cand self-update 'Update kache to the latest release'
            cand config 'Show the settings in effect and where they come from'
            cand daemon 'Manage the daemon'
            cand try 'Build a workspace with and without kache in a temporary directory, and compare'
            cand completions 'Generate shell completions'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kache;help;init'= {
        }
        &'kache;help;doctor'= {
        }
        &'kache;help;stats'= {
        }
        &'kache;help;report'= {
        }
        &'kache;help;monitor'= {
        }
        &'kache;help;list'= {
        }
        &'kache;help;why-miss'= {
        }
        &'kache;help;gc'= {
        }
        &'kache;help;harvest'= {
        }
        &'kache;help;purge'= {
        }
        &'kache;help;clean'= {
        }
        &'kache;help;sync'= {
        }
        &'kache;help;save-manifest'= {
        }
        &'kache;help;remote'= {
            cand keygen 'Create a key pair to sign entries with'
        }
        &'kache;help;remote;keygen'= {
        }
        &'kache;help;uninstall'= {
        }
        &'kache;help;self-update'= {
        }
        &'kache;help;config'= {
            cand get 'Print the value of one setting'
            cand set 'Set a setting in the user''s configuration file, or in the project''s'
            cand unset 'Remove a setting from the user''s configuration file, or from the project''s'
            cand undo 'Take back the last change of a configuration file that was made with these commands'
        }
        &'kache;help;config;get'= {
        }
        &'kache;help;config;set'= {
        }
        &'kache;help;config;unset'= {
        }
        &'kache;help;config;undo'= {
        }
        &'kache;help;daemon'= {
            cand run 'Run the daemon in the foreground'
            cand status 'Show the status of the daemon (the default)'
            cand start 'Start the daemon, unless it is running'
            cand stop 'Stop the daemon, after it has sent what is queued for the remote'
            cand restart 'Restart the daemon without dropping requests'
            cand install 'Install the daemon as a login service, and start it'
            cand uninstall 'Stop the daemon, and remove the login service'
            cand log 'Print the end of the log'
            cand preflight 'Check that this binary can run here, and print its version'
        }
        &'kache;help;daemon;run'= {
        }
        &'kache;help;daemon;status'= {
        }
        &'kache;help;daemon;start'= {
        }
        &'kache;help;daemon;stop'= {
        }
        &'kache;help;daemon;restart'= {
        }
        &'kache;help;daemon;install'= {
        }
        &'kache;help;daemon;uninstall'= {
        }
        &'kache;help;daemon;log'= {
        }
        &'kache;help;daemon;preflight'= {
        }
        &'kache;help;try'= {
        }
        &'kache;help;completions'= {
        }
        &'kache;help;help'= {
        }
    ]
    $completions[$command]
}
