// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISettlements} from "../src/interfaces/accountant/ISettlements.sol";
import {IStakes} from "../src/interfaces/accountant/IStakes.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IAccountant} from "../src/interfaces/IAccountant.sol";
import {IConsumerChannel} from "../src/interfaces/IConsumerChannel.sol";
import {IRegistry} from "../src/interfaces/IRegistry.sol";
import {CanonicalSignature} from "../src/lib/CanonicalSignature.sol";
import {Domain} from "../src/lib/Domain.sol";
import {PromiseHash} from "../src/lib/PromiseHash.sol";
import {Assert} from "./support/Assert.sol";
import {Signing} from "./support/Signing.sol";
import {vm} from "./support/Vm.sol";

/// @title The contracts' libraries, to be called at any address.
contract Libraries {
    function digest(bytes32 structHash) external view returns (bytes32) {
        return Domain.digest(structHash);
    }

    function recover(bytes32 hash, bytes calldata signature) external pure returns (address) {
        return CanonicalSignature.recover(hash, signature);
    }
}

/// @notice C5, C6: the published vectors, read from the same files as the TypeScript tests read.
contract VectorsTest is Assert, Signing {
    Libraries private immutable libraries = new Libraries();

    /// @dev The literal in the library is what it says: the hash of ticks whose fields are all zero.
    function test_no_ticks_are_ticks_of_zeros() public pure {
        equal(PromiseHash.noTicks, hashTicks(0, 0, 0), "written out");
        equal(PromiseHash.ticks(0, 0, 0), hashTicks(0, 0, 0), "computed");
    }
    string private json;
    /// @dev Of the vector that is looked at, as in `.vectors[3]`.
    string private here;

    function test_promises_hash_and_recover() public {
        for (uint256 i = 0; open("promise", i); ++i) {
            bytes32 agreementHash = keccak256(
                abi.encode(
                    PromiseHash.agreementTypeHash,
                    word(".value.agreement.id"),
                    account(".value.agreement.provider"),
                    number(".value.agreement.total")
                )
            );
            equal(agreementHash, word(".agreementHash"), "agreement");
            bytes32 ticksHash = keccak256(
                abi.encode(
                    PromiseHash.ticksTypeHash,
                    word(".value.ticks.root"),
                    number(".value.ticks.value"),
                    number(".value.ticks.max")
                )
            );
            equal(keccak256(bytes(text(".typeString"))), PromiseHash.paymentTypeHash, "type");
            checkStruct(PromiseHash.payment(number(".value.amount"), word(".value.hashlock"), agreementHash, ticksHash));
        }
    }

    function test_accountant_promises_hash_and_recover() public {
        for (uint256 i = 0; open("accountant-promise", i); ++i) {
            equal(keccak256(bytes(text(".typeString"))), PromiseHash.accountantTypeHash, "type");
            checkStruct(
                PromiseHash.accountant(account(".value.provider"), number(".value.amount"), word(".value.hashlock"))
            );
        }
    }

    // `Signing` writes the other structs' hashes out once more and is what all
    // contract tests sign with; signatures are deterministic, so equal signatures are over equal hashes.

    function test_settle_orders_are_signed_alike() public {
        for (uint256 i = 0; open("settle-order", i); ++i) {
            ISettlements.SettleOrder memory o;
            o.provider = account(".value.provider");
            o.into = uint8(vm.parseJsonUint(json, field(".value.into")));
            o.amount = number(".value.amount");
            o.beneficiary = account(".value.beneficiary");
            o.transactor = account(".value.transactor");
            o.fee = number(".value.fee");
            o.allowPartial = vm.parseJsonBool(json, field(".value.allowPartial"));
            o.nonce = number(".value.nonce");
            o.deadline = number(".value.deadline");
            sameSignature(signOrder(key(), verifier(), o));
        }
    }

    function test_registrations_are_signed_alike() public {
        for (uint256 i = 0; open("registration", i); ++i) {
            IRegistry.Registration memory r;
            r.identity = account(".value.identity");
            r.accountant = account(".value.accountant");
            r.beneficiary = account(".value.beneficiary");
            r.transactor = account(".value.transactor");
            r.fee = number(".value.fee");
            r.nonce = number(".value.nonce");
            r.deadline = number(".value.deadline");
            sameSignature(signRegistration(key(), verifier(), r));
        }
    }

    function test_beneficiary_changes_are_signed_alike() public {
        for (uint256 i = 0; open("beneficiary-change", i); ++i) {
            IRegistry.BeneficiaryChange memory c;
            c.identity = account(".value.identity");
            c.beneficiary = account(".value.beneficiary");
            c.nonce = number(".value.nonce");
            c.deadline = number(".value.deadline");
            sameSignature(signBeneficiaryChange(key(), verifier(), c));
        }
    }

    function test_exit_requests_are_signed_alike() public {
        for (uint256 i = 0; open("exit-request", i); ++i) {
            IConsumerChannel.ExitRequest memory r;
            r.beneficiary = account(".value.beneficiary");
            r.transactor = account(".value.transactor");
            r.fee = number(".value.fee");
            r.nonce = number(".value.nonce");
            r.deadline = number(".value.deadline");
            sameSignature(signExit(key(), verifier(), r));
        }
    }

    function test_exit_cancels_are_signed_alike() public {
        for (uint256 i = 0; open("exit-cancel", i); ++i) {
            IConsumerChannel.ExitCancel memory c;
            c.nonce = number(".value.nonce");
            c.deadline = number(".value.deadline");
            sameSignature(signExitCancel(key(), verifier(), c));
        }
    }

    function test_fast_exits_are_signed_alike() public {
        for (uint256 i = 0; open("fast-exit", i); ++i) {
            IConsumerChannel.FastExit memory r;
            r.amount = number(".value.amount");
            r.beneficiary = account(".value.beneficiary");
            r.transactor = account(".value.transactor");
            r.fee = number(".value.fee");
            r.nonce = number(".value.nonce");
            r.deadline = number(".value.deadline");
            sameSignature(signFastExit(key(), verifier(), r));
        }
    }

    function test_stake_decreases_are_signed_alike() public {
        for (uint256 i = 0; open("stake-decrease", i); ++i) {
            IStakes.StakeDecrease memory d;
            d.provider = account(".value.provider");
            d.amount = number(".value.amount");
            d.transactor = account(".value.transactor");
            d.fee = number(".value.fee");
            d.nonce = number(".value.nonce");
            d.deadline = number(".value.deadline");
            sameSignature(signDecrease(key(), verifier(), d));
        }
    }

    function test_settle_wishes_are_signed_alike() public {
        for (uint256 i = 0; open("settle-wish", i); ++i) {
            ISettlements.SettleWish memory w;
            w.provider = account(".value.provider");
            w.anyone = vm.parseJsonBool(json, field(".value.anyone"));
            w.payouts = vm.parseJsonBool(json, field(".value.payouts"));
            w.nonce = number(".value.nonce");
            w.deadline = number(".value.deadline");
            sameSignature(signWish(key(), verifier(), w));
        }
    }

    function test_url_changes_are_signed_alike() public {
        for (uint256 i = 0; open("url-change", i); ++i) {
            IRegistry.UrlChange memory c;
            c.accountant = account(".value.accountant");
            c.url = text(".value.url");
            c.nonce = number(".value.nonce");
            c.deadline = number(".value.deadline");
            sameSignature(signUrlChange(key(), verifier(), c));
        }
    }

    /// @dev W6, W7.
    function test_accepts_exactly_the_canonical_signatures() public {
        uint256 refused = 0;
        for (uint256 i = 0; open("signature", i); ++i) {
            bytes32 digest = word(".digest");
            bytes memory signature = vm.parseJsonBytes(json, field(".signature"));
            try libraries.recover(digest, signature) returns (address signer) {
                holds(vm.parseJsonBool(json, field(".accepted")), text(".name"));
                equal(signer, account(".signer"), text(".name"));
            } catch {
                holds(!vm.parseJsonBool(json, field(".accepted")), text(".name"));
                refused += 1;
            }
        }
        holds(refused >= 20, "negative vectors");
    }

    function test_channel_addresses() public {
        for (uint256 i = 0; open("channel-address", i); ++i) {
            bytes memory pair = abi.encodePacked(account(".identity"), account(".accountant"));
            address predicted = Clones.predictDeterministicAddressWithImmutableArgs(
                account(".channelImplementation"), pair, keccak256(pair), account(".registry")
            );
            equal(predicted, account(".address"), text(".name"));
        }
    }

    function test_locks() public {
        for (uint256 i = 0; open("preimage", i); ++i) {
            equal(PromiseHash.lock(word(".preimage")), word(".hashlock"), text(".name"));
        }
    }

    /// @return found false behind the last vector.
    function open(string memory subject, uint256 index) private returns (bool found) {
        if (index == 0) {
            json = vm.readFile(string.concat("vectors/", subject, ".json"));
            holds(vm.keyExistsJson(json, ".vectors[0]"), "the file has vectors");
        }
        here = string.concat(".vectors[", vm.toString(index), "]");
        return vm.keyExistsJson(json, here);
    }

    /// @dev The domain is computed by the library itself, at the address and on the chain that the vector names.
    function checkStruct(bytes32 structHash) private {
        equal(structHash, word(".structHash"), text(".name"));
        address where = verifier();
        vm.etch(where, address(libraries).code);
        equal(Libraries(where).digest(structHash), word(".hash"), text(".name"));
        bytes memory signature = vm.parseJsonBytes(json, field(".signature"));
        equal(libraries.recover(word(".hash"), signature), account(".signer"), text(".name"));
    }

    function sameSignature(bytes memory signature) private view {
        equal(keccak256(signature), keccak256(vm.parseJsonBytes(json, field(".signature"))), text(".name"));
        equal(libraries.recover(word(".hash"), signature), account(".signer"), text(".name"));
    }

    /// @dev The contract that the signature is for; its chain becomes this one.
    function verifier() private returns (address) {
        vm.chainId(number(".chainId"));
        return account(".verifyingContract");
    }

    function key() private view returns (uint256) {
        return uint256(word(".privateKey"));
    }

    function word(string memory name) private view returns (bytes32) {
        return vm.parseJsonBytes32(json, field(name));
    }

    function account(string memory name) private view returns (address) {
        return vm.parseJsonAddress(json, field(name));
    }

    function number(string memory name) private view returns (uint256) {
        return vm.parseUint(vm.parseJsonString(json, field(name)));
    }

    function text(string memory name) private view returns (string memory) {
        return vm.parseJsonString(json, field(name));
    }

    function field(string memory name) private view returns (string memory) {
        return string.concat(here, name);
    }
}
